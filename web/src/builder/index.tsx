// The pipeline builder: a chunk of its own, loaded when #/builder is first opened.

import { ReactFlowProvider, useReactFlow } from "@xyflow/react";
import { useEffect, useRef, useState, useSyncExternalStore } from "react";
import { useRoute } from "../route";
import { Canvas, type Target } from "./canvas";
import { DeskProvider, useDesk, useNewDesk } from "./desk";
import { Dock } from "./dock";
import { useFiles, type Files } from "./files";
import { Inspector } from "./inspector";
import { useKeys } from "./keys";
import { Palette } from "./palette";
import { PipelineForm } from "./pipeline_form";
import { TopBar } from "./top_bar";
import "./builder.css";

export default function Builder() {
  const desk = useNewDesk();
  return (
    <DeskProvider value={desk}>
      <ReactFlowProvider>
        <Page />
      </ReactFlowProvider>
    </DeskProvider>
  );
}

function Page() {
  const desk = useDesk();
  const files = useFiles();
  const flow = useReactFlow();
  const isPhone = useMedia("(max-width: 760px)");
  const [target, aim] = useState<Target>({});
  const [isOver, setOver] = useState(false);
  const [isFormOpen, setFormOpen] = useState(false);
  useOpening(files);
  useKeys(desk, {
    fit: () => void flow.fitView({ padding: 0.12, maxZoom: 1, duration: 200 }),
    save: files.save,
    run: () => document.querySelector<HTMLButtonElement>(".b-go")?.click(),
  });
  const { pipeline } = desk.work;
  const stage = desk.selected.length === 1 ? pipeline.stages.find((one) => one.id === desk.selected[0]) : undefined;
  const form = stage ? (
    <Inspector key={stage.type} stage={stage} close={isPhone ? () => desk.select([]) : undefined} />
  ) : !isPhone || isFormOpen ? (
    <PipelineForm close={isPhone ? () => setFormOpen(false) : undefined} />
  ) : null;
  return (
    <div
      className={`builder${isOver ? " over" : ""}`}
      onDragOver={(event) => {
        if (!event.dataTransfer.types.includes("Files")) return;
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={(event) => event.currentTarget === event.target && setOver(false)}
      onDrop={(event) => {
        const file = event.dataTransfer.files[0];
        setOver(false);
        if (!file) return;
        event.preventDefault();
        files.openFile(file);
      }}
    >
      <h1 className="unseen">Pipeline builder</h1>
      <TopBar files={files} />
      <div className="b-main">
        <Palette aim={aim} aimed={target} />
        <div className="b-middle">
          <div className="b-canvas">
            <Canvas target={target} isPhone={isPhone} />
            {!pipeline.stages.length && <Empty files={files} />}
            {isPhone && pipeline.stages.length > 0 && !form && (
              <button className="button b-whole" onClick={() => setFormOpen(true)}>
                Batch and name
              </button>
            )}
          </div>
          <Dock />
        </div>
        {form}
      </div>
      {files.dialogs}
    </div>
  );
}

function Empty({ files }: { files: Files }) {
  return (
    <div className="b-empty">
      <h2>Build a pipeline</h2>
      <p className="dim">Drag a stage here, drop a pipeline's file, or begin with one of these.</p>
      <div className="b-begin">
        {files.list
          .filter((one) => one.origin === "bundled")
          .map((one) => (
            <button key={one.name} className="b-start panel" onClick={() => files.openNamed(one.name)}>
              <strong>{one.name}</strong>
              <small>{one.description}</small>
            </button>
          ))}
      </div>
    </div>
  );
}

/** Opens what the address names, where that is not what is open already. */
function useOpening(files: Files): void {
  const { rest } = useRoute();
  const { work } = useDesk();
  const wanted = rest[0] ?? "";
  const asked = useRef(work.name);
  useEffect(() => {
    if (!wanted || wanted === asked.current || wanted === work.name) {
      asked.current = wanted;
      return;
    }
    asked.current = wanted;
    files.openNamed(wanted);
  }, [wanted, work.name, files]);
}

function useMedia(query: string): boolean {
  return useSyncExternalStore(
    (listener) => {
      const media = matchMedia(query);
      media.addEventListener("change", listener);
      return () => media.removeEventListener("change", listener);
    },
    () => matchMedia(query).matches,
  );
}

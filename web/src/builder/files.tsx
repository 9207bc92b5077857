// Opening, saving, exporting and taking away: what a pipeline is called, and where it comes from and goes to.

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useCallback, useEffect, useRef, useState } from "react";
import { messageOf } from "../api";
import { openWorkflow, saveFile } from "../place";
import { go, hrefOf } from "../route";
import { complain, say } from "../toasts";
import { useDesk } from "./desk";
import { Ask } from "./menu";
import { empty, fileText, type Pipeline, pipelineFrom, withTypes } from "./pipeline";
import { type Listed, opened, pipelines, save, takeAway, workflow } from "./server";
import { isDirty } from "./work";

export interface Files {
  list: readonly Listed[];
  openNamed: (name: string) => void;
  openNew: () => void;
  openFile: (file: File) => void;
  pick: () => void;
  save: () => void;
  saveAs: () => void;
  download: () => void;
  exportWorkflow: () => void;
  takeAway: () => void;
  /** The dialog that is open, and the hidden field for files. */
  dialogs: ReactNode;
}

const MOST_BYTES = 4_000_000;

export function useFiles(): Files {
  const desk = useDesk();
  const { work, step, select, show, kinds, running } = desk;
  const [dialog, setDialog] = useState<ReactNode>(null);
  const { forget } = running;
  const picker = useRef<HTMLInputElement>(null);
  const queries = useQueryClient();
  const found = useQuery({ queryKey: ["pipelines"], queryFn: pipelines });
  const list = found.data ?? [];
  const dirty = isDirty(work);

  const open = useCallback(
    (pipeline: Pipeline, name: string, origin: "new" | "bundled" | "own", isSaved = true) => {
      step({ do: "open", pipeline, name, origin, isSaved });
      select([]);
      show({ of: "nothing" });
      forget();
      go(hrefOf("builder", name ? [name] : []), true);
    },
    [step, select, show, forget],
  );

  /** Does it at once, or when the person lets what is unsaved go. */
  const freely = useCallback(
    (then: () => void) => {
      if (!dirty || !work.pipeline.stages.length) {
        then();
        return;
      }
      setDialog(
        <Ask
          title="Leave what is not saved?"
          yes="Leave it"
          no="Keep it"
          onYes={() => {
            setDialog(null);
            then();
            return "";
          }}
          onNo={() => setDialog(null)}
        >
          <p>{work.name ? `The changes to '${work.name}' are not saved.` : "This pipeline is not saved."}</p>
        </Ask>,
      );
    },
    [dirty, work.name, work.pipeline.stages.length],
  );

  const openNamed = useCallback(
    (name: string) =>
      freely(async () => {
        try {
          const got = await opened(name);
          open(pipelineFrom(got.pipeline), got.name, got.origin);
        } catch (reason) {
          complain(messageOf(reason));
        }
      }),
    [freely, open],
  );

  const openFile = (file: File) =>
    freely(async () => {
      try {
        if (file.size > MOST_BYTES) throw new Error("It is larger than 4 MB.");
        const text = await file.text();
        open(withTypes(pipelineFrom(parsed(text)), [...kinds.keys()]), "", "new", false);
        say(`${file.name} is open. It is not saved here yet.`);
      } catch (reason) {
        complain(`${file.name} cannot be opened. ${messageOf(reason)}`);
      }
    });

  const write = async (name: string): Promise<string> => {
    try {
      const { pipeline } = work;
      await save(name, pipeline);
      step({ do: "saved", name, pipeline });
      go(hrefOf("builder", [name]), true);
      void queries.invalidateQueries({ queryKey: ["pipelines"] });
      say(`Saved as '${name}'.`);
      setDialog(null);
      return "";
    } catch (reason) {
      return messageOf(reason);
    }
  };

  const saveAs = () =>
    setDialog(
      <Ask
        title="Save the pipeline"
        field={{ label: "Name", value: suggested(work.name, work.pipeline, work.origin), hint: "It is also its file's name: letters, digits, spaces, - and _" }}
        yes="Save"
        onYes={write}
        onNo={() => setDialog(null)}
      />,
    );

  const saveNow = async (): Promise<void> => {
    if (work.origin !== "own" || !work.name) {
      saveAs();
      return;
    }
    const problem = await write(work.name);
    if (problem) complain(problem);
  };

  const exportWorkflow = async (): Promise<void> => {
    try {
      const made = await workflow(work.pipeline);
      if (!made.workflow) throw new Error("No workflow could be made of this pipeline.");
      const name = work.name || work.pipeline.name || "pipeline";
      const done = openWorkflow(made.workflow, name);
      say([done === "opened" ? "Opened on the canvas." : `Saved ${name}.json.`, ...made.warnings].join(" "), { stays: false });
    } catch (reason) {
      complain(messageOf(reason));
    }
  };

  const takeIt = () =>
    setDialog(
      <Ask
        title={`Delete '${work.name}'?`}
        yes="Delete"
        onYes={async () => {
          try {
            await takeAway(work.name);
          } catch (reason) {
            return messageOf(reason);
          }
          void queries.invalidateQueries({ queryKey: ["pipelines"] });
          setDialog(null);
          open(work.pipeline, "", "new", false);
          say(`'${work.name}' is deleted. What it held is still open here.`);
          return "";
        }}
        onNo={() => setDialog(null)}
      >
        <p>Its file is deleted. It stays open here, unsaved.</p>
      </Ask>,
    );

  useEffect(() => {
    if (!dirty) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, [dirty]);

  const dialogs = (
    <>
      {dialog}
      <input
        ref={picker}
        type="file"
        hidden
        accept=".json,application/json"
        aria-label="A pipeline's file"
        onChange={(event) => {
          const file = event.target.files?.[0];
          event.target.value = "";
          if (file) openFile(file);
        }}
      />
    </>
  );
  return {
    list,
    openNamed,
    openNew: () => freely(() => open(empty(), "", "new")),
    openFile,
    pick: () => picker.current?.click(),
    save: () => void saveNow(),
    saveAs,
    download: () => saveFile(fileText(work.pipeline), `${work.name || work.pipeline.name || "pipeline"}.json`, "application/json"),
    exportWorkflow: () => void exportWorkflow(),
    takeAway: takeIt,
    dialogs,
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (reason) {
    const isYaml = /^\s*(#.*\n|- |\w+:)/.test(text);
    throw new Error(isYaml ? "It seems to be YAML; the builder opens JSON." : `It is no JSON: ${(reason as Error).message}`);
  }
}

/** What no file is called is left out. */
function suggested(name: string, pipeline: Pipeline, origin: string): string {
  const base = (name || pipeline.name || "").replace(/[^A-Za-z0-9 _-]+/g, "").replace(/^[^A-Za-z0-9]+/, "").trim().slice(0, 74);
  return base && origin === "bundled" ? `my ${base}` : base;
}

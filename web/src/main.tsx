import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createRoot } from "react-dom/client";
import { ApiError } from "./api";
import { App } from "./app";
import { askEarly } from "./gallery/early";
import { applyTheme } from "./place";
import "./theme.css";
import "./app.css";
import "./gallery/gallery.css";
import "./gallery/lightbox.css";
import "./gallery/pages.css";

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 30_000,
      refetchOnWindowFocus: false,
      // What the server refused it will refuse again; what did not reach it may.
      retry: (count, reason) => reason instanceof ApiError && reason.isOffline && count < 3,
    },
  },
});

askEarly();
applyTheme();
createRoot(document.getElementById("root")!).render(
  <QueryClientProvider client={queries}>
    <App />
  </QueryClientProvider>,
);

// Gets the tab's program running: checks what the browser lacks, fetches and
// compiles tab.wasm, and runs it. The program says that it is up by setting
// window.tabraft and dispatching the event "tabraft" on window.

import { makeCommands } from "./commands";
import type { Commands, Tabraft } from "./api";
import { runGo } from "./go";
import { keepOutput } from "./output";
import { bytes } from "./words";

/** How the page hears of it. */
export interface BootReport {
  /** share is 0 to 1, or undefined while there is no telling. */
  progress(text: string, share?: number): void;
  up(api: Tabraft): void;
  /** The server cannot start, or has ended: why, what to do, and the details. */
  failed(text: string, details: string): void;
}

/** Lines of the program's output kept to explain its end. */
const outputKept = 12;

/** What the program needs of a browser, and what to say when it is missing. */
const needs: readonly [has: () => boolean, missing: string][] = [
  [() => typeof WebAssembly === "object" && typeof WebAssembly.instantiate === "function",
    "WebAssembly, which runs the server (some browsers switch it off in a strict security mode)"],
  [() => typeof RTCPeerConnection === "function",
    "WebRTC (RTCPeerConnection), which connects the tabs (some privacy settings and extensions switch it off)"],
  [() => hasIndexedDB(),
    "IndexedDB, where the server keeps its log (some private windows have none)"],
  [() => typeof Worker === "function", "Workers, which keep the server awake in a hidden tab"],
  [() => typeof WebSocket === "function", "WebSockets, by which tabs find one another"],
];

// Reading indexedDB throws where storage is forbidden altogether.
function hasIndexedDB(): boolean {
  try {
    return Boolean(window.indexedDB);
  } catch {
    return false;
  }
}

/** Starts the server in this tab. */
export async function boot(report: BootReport): Promise<void> {
  const missing = needs.filter(([has]) => !has()).map(([, what]) => what);
  if (missing.length > 0) {
    report.failed(`This browser lacks ${missing.join("; and ")}. Open the page in a current Chrome, Edge, Firefox or Safari window.`, "");
    return;
  }
  if (!window.Go) {
    report.failed("A part of the page (wasm_exec.js) did not load. Check the connection and reload.", "");
    return;
  }
  const wasm = document.querySelector<HTMLMetaElement>('meta[name="tabraft-wasm"]')!;
  const worker = document.querySelector<HTMLMetaElement>('meta[name="tabraft-worker"]')!;
  let commands: Commands | undefined;
  window.tabraftConfig = {
    worker: worker.content,
    commands: (submit) => (commands = makeCommands(submit)),
    signal: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/signal`,
  };
  window.addEventListener("tabraft", () => {
    if (window.tabraft) report.up(window.tabraft);
  }, { once: true });

  const go = new window.Go();
  const output = keepOutput(outputKept, true);
  let code = 0;
  go.exit = (exitCode) => { code = exitCode; };
  try {
    const program = await load(wasm.content, Number(wasm.dataset["bytes"]), go.importObject, report);
    report.progress("Starting the server");
    await runGo(go, program);
  } catch (error) {
    report.failed("The server program could not be loaded. Check the connection to the page's server and reload.", String(error));
    return;
  }
  const ended = "This server stopped: its program ended. What it stored is safe; reload the tab to restart it.";
  commands?.end(ended);
  report.failed(ended, `exit code ${code}\n${output.lastWords().join("\n")}`.trim());
}

async function load(address: string, size: number, imports: WebAssembly.Imports, report: BootReport): Promise<WebAssembly.Instance> {
  const response = await fetchProgram(address);
  void countBytes(response.clone(), size, report);
  // The untouched response is compiled while it arrives, and only from it can
  // the browser reuse the machine code of an earlier visit.
  if (typeof WebAssembly.instantiateStreaming === "function") {
    try {
      return (await WebAssembly.instantiateStreaming(response, imports)).instance;
    } catch (error) {
      // A proxy may have changed the content type, which streaming insists on.
      console.warn("tabraft: compiling while loading failed, trying again after loading:", error);
    }
  }
  const again = response.bodyUsed ? await fetchProgram(address) : response;
  return (await WebAssembly.instantiate(await again.arrayBuffer(), imports)).instance;
}

async function fetchProgram(address: string): Promise<Response> {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address}: the server answered ${response.status} ${response.statusText}`);
  return response;
}

/** Reports how much has arrived. Compressed or not, what is counted, and what
 * size tells, are the bytes after decompression. */
async function countBytes(response: Response, size: number, report: BootReport): Promise<void> {
  const reader = response.body?.getReader();
  if (!reader) return;
  try {
    for (let arrived = 0; ;) {
      const { done, value } = await reader.read();
      if (done) break;
      arrived += value.byteLength;
      const share = size > 0 ? Math.min(1, arrived / size) : undefined;
      report.progress(share === 1
        ? "Compiling the server program"
        : `Loading the server program, ${bytes(arrived)}${size > 0 ? ` of ${bytes(size)}` : ""}`, share);
    }
  } catch {
    // The download broke: the compiler, which reads the same bytes, reports it.
  }
}

// Measures the page itself in headless Chromium, as a person would: a file is given, the odd flows are shown, the annotated file
// is downloaded.
//
// In: `{url, file, workers, pack, out, chosen}`, where `pack` is a folder that stands in for the pack nsl-kdd, or null for that pack
// itself, and `out` is where the annotated file goes, or null. With `chosen` it is no download, but written to a file of the
// browser's own storage, as if a person had chosen that in the browser's dialog. Out: seconds from the file to the headline and from the click
// to the last byte on disk; the longest task of the page's own thread in milliseconds; how many workers there were; of the process
// that holds the page and all of its workers, the processor time since the file was given, the greatest resident memory, and what
// that was before the file; and the memory of all workers' programs, which never shrinks.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { drive } from "./chromium.mjs";

const HOUR = 3_600_000;

await drive(async (page, { url, file, workers, pack, out, chosen }) => {
  const browser = page.context().browser();
  if (pack) {
    await page.route(/\/models\/nsl-kdd\//, (route) =>
      route.fulfill({ path: join(pack, new URL(route.request().url()).pathname.split("/").pop()) }),
    );
  }
  await page.addInitScript(watch);
  if (chosen) await page.addInitScript(answerDialog);
  await page.goto(`${url}/?workers=${workers}`);
  await page.waitForLoadState("networkidle");
  // Nobody chooses a file sooner. Meanwhile the page's worker rehearses.
  await page.waitForTimeout(2000);
  const renderer = await rendererOf(browser);
  const before = usage(renderer);
  await page.evaluate(() => (window.seen.tasks = []));

  await page.getByLabel("Flow file").setInputFiles(file);
  const headline = page.getByRole("heading", { level: 1, name: /odd/ });
  const problem = page.getByRole("alert").getByRole("paragraph");
  await headline.or(problem).first().waitFor({ timeout: HOUR });
  if (!(await headline.isVisible())) throw new Error(await problem.first().innerText());
  const used = page.workers().length;

  const press = () => page.getByRole("button", { name: "Download annotated CSV" }).click();
  const written = await (chosen ? chosenFile(page, press) : downloaded(page, press, out));

  const seen = await page.evaluate(() => window.seen);
  const after = usage(renderer);
  // A second call of what has loaded the program gives what it exports.
  const memories = await Promise.all(page.workers().map((worker) => worker.evaluate(async () => (await wasm_bindgen()).memory.buffer.byteLength)));
  return {
    version: browser.version(),
    headline: await headline.innerText(),
    workers: used,
    seconds: (seen.shown - seen.given + written - seen.asked) / 1000,
    stages: { shown: (seen.shown - seen.given) / 1000, written: (written - seen.asked) / 1000 },
    longest_task_ms: Math.max(0, ...seen.tasks),
    cpu_seconds: after && after.seconds - before.seconds,
    peak_bytes: after && after.bytes,
    before_bytes: before && before.bytes,
    worker_bytes: memories.reduce((sum, bytes) => sum + bytes, 0),
  };
});

/** When a download was all on the disk. */
async function downloaded(page, press, out) {
  const handed = page.waitForEvent("download", { timeout: HOUR });
  await press();
  const download = await handed;
  await download.path();
  const written = Date.now();
  if (out) await download.saveAs(out);
  return written;
}

/** When the page said that a chosen file was all in its place. */
async function chosenFile(page, press) {
  const said = page.getByText("The annotated file is written where you chose").waitFor({ timeout: HOUR });
  await press();
  await said;
  return Date.now();
}

/** In the page: a file of the browser's own storage is what is chosen. */
function answerDialog() {
  window.showSaveFilePicker = async ({ suggestedName }) =>
    (await navigator.storage.getDirectory()).getFileHandle(suggestedName, { create: true });
}

/** In the page, before its own scripts: when the file was given, the headline stood there, the button was pressed. */
function watch() {
  const seen = (window.seen = { tasks: [] });
  document.addEventListener("change", (event) => event.target.type === "file" && (seen.given ??= Date.now()), true);
  document.addEventListener("click", (event) => event.target.closest("button") && (seen.asked = Date.now()), true);
  new MutationObserver(() => {
    if (!seen.shown && document.querySelector("h1#headline")) requestAnimationFrame(() => (seen.shown ??= Date.now()));
  }).observe(document, { subtree: true, childList: true });
  new PerformanceObserver((list) => seen.tasks.push(...list.getEntries().map((entry) => entry.duration))).observe({
    entryTypes: ["longtask"],
  });
}

/** The process that holds the page and its workers: the one that was busiest with them. */
async function rendererOf(browser) {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  const renderers = processInfo.filter(({ type }) => type === "renderer").sort((a, b) => b.cpuTime - a.cpuTime);
  return renderers[0].id;
}

/** The processor time and the greatest resident memory, in bytes, of a process so far; null where /proc does not tell. */
function usage(pid) {
  try {
    const bytes = Number(readFileSync(`/proc/${pid}/status`, "utf8").match(/VmHWM:\s*(\d+) kB/)[1]) * 1024;
    // proc(5): fields 14 and 15, in hundredths of a second; the second is a name in brackets.
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").pop().split(" ");
    return { bytes, seconds: (Number(fields[11]) + Number(fields[12])) / 100 };
  } catch {
    return null;
  }
}

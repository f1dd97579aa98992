// Headless Chromium; the arguments of a driver, and its answer.
import { mkdtempSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "../../e2e/node_modules/playwright-core/index.mjs";

/** Hands `work` a new page and what the driver was asked for, as JSON; prints what it gives, as JSON. */
export async function drive(work) {
  // A profile on disk, as people have: without one, Chromium keeps files that a page writes in memory, and drops large ones.
  const profile = mkdtempSync(join(tmpdir(), "oddflow-chromium-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM,
    ignoreDefaultArgs: sharesMemory() ? ["--disable-dev-shm-usage"] : [],
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--no-first-run"],
  });
  try {
    const page = await context.newPage();
    // Nobody is there to answer the browser's dialog: files are downloads.
    await page.addInitScript(() => Object.assign(window, { showSaveFilePicker: undefined }));
    console.log(JSON.stringify(await work(page, JSON.parse(process.argv[2]))));
  } finally {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  }
}

/** Whether there is room for the memory that processes share. The driver would have them share files, which people's browsers do not. */
function sharesMemory() {
  try {
    const { bavail, bsize } = statfsSync("/dev/shm");
    return bavail * bsize > 4e9;
  } catch {
    return false;
  }
}

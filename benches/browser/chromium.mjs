// Headless Chromium, as the end-to-end tests start it; the arguments of a driver, and its answer.
import { chromium } from "../../e2e/node_modules/playwright-core/index.mjs";

/** Hands `work` a new page and what the driver was asked for, as JSON; prints what it gives, as JSON. */
export async function drive(work) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--no-first-run"],
  });
  try {
    const page = await browser.newPage();
    // Nobody is there to answer the browser's dialog: files are downloads.
    await page.addInitScript(() => Object.assign(window, { showSaveFilePicker: undefined }));
    console.log(JSON.stringify(await work(page, JSON.parse(process.argv[2]))));
  } finally {
    await browser.close();
  }
}

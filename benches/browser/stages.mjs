// Measures a stage in a worker of headless Chromium: `{url, stage, file}` in, its rows and seconds out.
import { drive } from "./chromium.mjs";

await drive(async (browser, { url, stage, file }) => {
  const page = await browser.newPage();
  await page.goto(url);
  await page.locator("input").setInputFiles(file);
  const measured = await page.evaluate((stage) => window.measure(stage), stage);
  return { version: browser.version(), ...measured };
});

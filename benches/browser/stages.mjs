// Measures a stage in a worker of headless Chromium: `{url, stage, file}` in, its rows and seconds out.
import { drive } from "./chromium.mjs";

await drive(async (page, { url, stage, file }) => {
  const browser = page.context().browser();
  await page.goto(url);
  await page.locator("input").setInputFiles(file);
  const measured = await page.evaluate((stage) => window.measure(stage), stage);
  return { version: browser.version(), ...measured };
});

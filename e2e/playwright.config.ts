// Drives headless Chromium against dist/, served under a sub-path as on GitHub Pages. `cargo xtask test e2e` starts it.
import { defineConfig } from "@playwright/test";

// A path of more than one part, which a site that only works at its host's root does not survive.
const base = "/some/sub-path/";
const port = process.env.ODDFLOW_PORT ?? "4173";
const url = `http://127.0.0.1:${port}${base}`;

export default defineConfig({
  testDir: "tests",
  forbidOnly: !!process.env.CI,
  // The machines this runs on have two cores, and the page under test keeps one busy by itself.
  workers: 1,
  // The files of those that pass would be gigabytes.
  preserveOutput: "failures-only",
  timeout: 120_000,
  expect: { timeout: 30_000 },
  reporter: [["list"], ["./closing-line.ts"]],
  use: {
    baseURL: url,
    browserName: "chromium",
    launchOptions: {
      executablePath: process.env.CHROMIUM,
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-domain-reliability",
        "--disable-sync",
        "--no-first-run",
      ],
    },
    screenshot: "only-on-failure",
    trace: "off",
  },
  webServer: {
    command: `cargo xtask serve --no-build --port ${port} --base ${base}`,
    cwd: "..",
    url,
    timeout: 300_000,
  },
});

// What every test gets: a page that may not complain, and the list of what it asked of the network.
import { test as base, expect } from "@playwright/test";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";

export { expect };

type Fixtures = {
  /** Complaints that a test provokes; every other one fails it. */
  allowed: RegExp[];
  /** The address of each request so far, in order; those of workers as well. */
  requests: string[];
  /** Console errors, uncaught errors and violations of the Content-Security-Policy so far. */
  complaints: string[];
};

export const test = base.extend<Fixtures>({
  allowed: async ({}, use) => use([]),

  requests: async ({ context }, use) => {
    const requests: string[] = [];
    context.on("request", (request) => requests.push(request.url()));
    await use(requests);
  },

  complaints: [
    async ({ context, allowed }, use) => {
      const complaints: string[] = [];
      context.on("console", (message) => {
        if (message.type() === "error") complaints.push(`console: ${message.text()}`);
      });
      context.on("weberror", (error) => complaints.push(`uncaught: ${error.error()}`));
      await context.addInitScript(() => {
        // Nobody is there to answer the browser's dialog: files are downloads, unless a test answers in a person's place.
        Object.assign(window, { showSaveFilePicker: undefined });
        document.addEventListener("securitypolicyviolation", (event) => {
          console.error(`policy: ${event.effectiveDirective} forbids ${event.blockedURI}`);
        });
      });
      await use(complaints);
      expect(complaints.filter((complaint) => !allowed.some((pattern) => pattern.test(complaint)))).toEqual([]);
    },
    { auto: true },
  ],
});

const data = resolve(import.meta.dirname, "..", process.env.ODDFLOW_DATA ?? "../shared/data");

/** The path of a real data file; the test is skipped where there is none. */
export function dataFile(name: string): string {
  const path = join(data, name);
  test.skip(!existsSync(path), `${name} is not in ${data} (set ODDFLOW_DATA)`);
  return path;
}

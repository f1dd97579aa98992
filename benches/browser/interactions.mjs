// Measures what a person waits for on a finished result: from the event to the frame in which the page shows what it asked for.
//
// In: `{url, file, workers, pack}`, as for page.mjs. Out: milliseconds for each interaction, the median of some; the seconds of all
// of these; the longest task of the page's own thread meanwhile, in milliseconds. `gliding` is what steady scrolling looks like:
// frames a second, the milliseconds within which nineteen of twenty frames come, and the frames that show a row without its cells.
import { join } from "node:path";
import { drive } from "./chromium.mjs";

const HOUR = 3_600_000;
const TIMES = 5;
const INTERACTIONS = ["threshold", "record", "scroll", "sort", "filter"];

await drive(async (page, { url, file, workers, pack }) => {
  await page.route(/\/models\/nsl-kdd\//, (route) =>
    route.fulfill({ path: join(pack, new URL(route.request().url()).pathname.split("/").pop()) }),
  );
  await page.goto(`${url}/?workers=${workers}`);
  await page.waitForLoadState("networkidle");
  await page.getByLabel("Flow file").setInputFiles(file);
  const problem = page.getByRole("alert").getByRole("paragraph");
  const headline = page.getByRole("heading", { level: 1, name: /odd/ });
  await headline.or(problem).first().waitFor({ timeout: HOUR });
  if (!(await headline.isVisible())) throw new Error(await problem.first().innerText());
  await page.getByRole("tab", { name: "Threshold" }).click();
  // The table is drawn after what stands above it.
  await page.getByRole("grid").waitFor();
  await page.evaluate(watch);
  await page.waitForFunction(() => window.isIdle(), null, { timeout: HOUR });
  // The oddest records first, each with its reason.
  const gliding = await page.evaluate(() => window.glide());
  await page.evaluate(() => (document.querySelector('[role="grid"]').scrollTop = 0));
  const ms = {};
  for (const kind of INTERACTIONS) {
    const times = [];
    for (let time = 0; time < TIMES; time++) {
      // The search for what belongs together comes after each change; nobody waits for it.
      await page.waitForFunction(() => window.isIdle(), null, { timeout: HOUR });
      times.push(await page.evaluate(([kind, time]) => window.interact(kind, time), [kind, time]));
    }
    ms[kind] = times.sort((a, b) => a - b)[TIMES >> 1];
  }
  const longest_task_ms = Math.max(0, ...(await page.evaluate(() => window.tasks)));
  return { ms, gliding, longest_task_ms, seconds: Object.values(ms).reduce((sum, ms) => sum + ms) / 1000 };
});

/** In the page: what is done, and how it is seen that it has been. */
function watch() {
  const find = (selector) => document.querySelector(selector);
  const grid = find('[role="grid"]');
  const frame = () => new Promise(requestAnimationFrame);
  const filled = () => grid.querySelector('[role="row"][id]') && !grid.querySelector(".waiting");
  const calm = () => grid.getAttribute("aria-busy") === "false" && filled();
  const changed = (of) => {
    const before = of();
    return () => of() !== before;
  };
  const press = (element, key) => element.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  const first = () => grid.querySelector('[role="row"][id]')?.textContent;
  const kinds = {
    threshold() {
      const shows = changed(() => find("h1#headline").textContent);
      return [() => press(find('[role="slider"]'), "PageDown"), shows];
    },
    record(time) {
      const panel = () => find('[role="complementary"], aside')?.textContent ?? "";
      const shows = changed(panel);
      return [() => grid.querySelectorAll('[role="row"][id]')[2 + time].click(), () => shows() && /higher|lower|typical|counts most|stands out/i.test(panel())];
    },
    scroll() {
      const shows = changed(first);
      return [() => (grid.scrollTop += 40 * grid.clientHeight), () => shows() && filled()];
    },
    sort(time) {
      const head = grid.querySelectorAll('[role="columnheader"][aria-sort] button')[4 + time];
      const order = () => head.parentElement.getAttribute("aria-sort");
      return [() => head.click(), () => order() !== "none" && calm()];
    },
    filter(time) {
      const box = find('[role="combobox"]');
      const shows = changed(() => grid.getAttribute("aria-rowcount"));
      const act = () => {
        box.value = `src_bytes:>${100 * (time + 1)}`;
        box.dispatchEvent(new Event("input", { bubbles: true }));
        press(box, "Enter");
      };
      return [act, () => shows() && calm()];
    },
  };
  window.tasks = [];
  new PerformanceObserver((list) => window.tasks.push(...list.getEntries().map((entry) => entry.duration))).observe({
    entryTypes: ["longtask"],
  });
  window.isIdle = () => calm() && !find('[aria-busy="true"]');
  window.interact = async (kind, time) => {
    const [act, isDone] = kinds[kind](time);
    const start = performance.now();
    act();
    // The frame that shows it is the one after that in which it is there.
    do {
      await frame();
      if (performance.now() - start > 60_000) throw new Error(`${kind}: no answer within a minute`);
    } while (!isDone());
    return performance.now() - start;
  };
  const isInView = (cell) => {
    const [cells, view] = [cell.getBoundingClientRect(), grid.getBoundingClientRect()];
    return cells.bottom > view.top + grid.querySelector(".grid-head").clientHeight && cells.top < view.bottom;
  };
  window.glide = async () => {
    const gaps = [];
    let empty = 0;
    const start = await frame();
    for (let last = start; last - start < 5000; ) {
      grid.scrollTop += 40;
      const now = await frame();
      gaps.push(now - last);
      empty += [...grid.querySelectorAll(".waiting")].some(isInView) ? 1 : 0;
      last = now;
    }
    const seconds = gaps.reduce((sum, gap) => sum + gap) / 1000;
    const p95_ms = gaps.toSorted((a, b) => a - b)[Math.floor(gaps.length * 0.95)];
    return { frames_a_second: gaps.length / seconds, p95_ms, empty };
  };
}

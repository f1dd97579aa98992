// The page without a pointer.
import { expect, type Locator, type Page } from "@playwright/test";

/** Goes on with Tab until an element has the focus. */
export async function reach(page: Page, target: Locator, key: "Tab" | "Shift+Tab" = "Tab") {
  await expect(target).toBeVisible();
  for (let step = 0; step < 120; step++) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press(key);
  }
  throw new Error(`${target} is not reached by ${key}`);
}

/** The same, and presses a key there. */
export async function press(page: Page, target: Locator, key: string, direction: "Tab" | "Shift+Tab" = "Tab") {
  await reach(page, target, direction);
  await page.keyboard.press(key);
}

/** Has the page remember which elements hear a pointer. Before it is loaded. */
export async function noteListeners(page: Page) {
  await page.addInitScript(() => {
    const add = EventTarget.prototype.addEventListener;
    EventTarget.prototype.addEventListener = function (type: string, ...rest: any[]) {
      if (this instanceof Element && /^(click|pointerdown|mousedown|pointerup)$/.test(type)) this.setAttribute("data-hears-pointer", "");
      return (add as any).call(this, type, ...rest);
    };
  });
}

/** What can be pressed by a pointer alone: neither it nor what is round it or in it can have the focus. */
export function outOfReach(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const focusable = "button, a[href], input, select, textarea, summary, [tabindex='0'], [role=tab], [role=option]";
    const elsewhere: Record<string, string> = {
      // The rectangle is also drawn by the fields of its edges; and a menu is also left by Escape.
      "density-plot": "[aria-label='Part of the plot, by its edges'] input",
      "menu-veil": ".menu > button[aria-expanded=true]",
    };
    const heard = [...document.querySelectorAll("[data-hears-pointer]")].filter((element) => element.getClientRects().length > 0);
    const lost = heard.filter((element) => {
      const other = elsewhere[element.classList[0]];
      return !(element.closest(focusable) || element.querySelector(focusable) || (other && document.querySelector(other)));
    });
    return lost.map((element) => element.outerHTML.slice(0, 120));
  });
}

/** What should have the focus in its turn, and is passed over by Tab. Heads of columns that scroll out of view and in again are other
 * elements by then, so what counts is how they are written. */
export async function passedOver(page: Page): Promise<string[]> {
  const wanted = await page.evaluate(() => {
    (document.activeElement as HTMLElement | null)?.blur();
    const all = [...document.querySelectorAll<HTMLElement>("button, a[href], input, select, textarea, summary, [tabindex]")];
    const tabbable = all.filter((element) => {
      const isShown = element.getClientRects().length > 0;
      return isShown && element.checkVisibility({ visibilityProperty: true }) && element.tabIndex >= 0 && !(element as HTMLButtonElement).disabled;
    });
    return tabbable.map((element) => element.outerHTML);
  });
  const visited = new Set<string>();
  // Once round; columns that come into view on the way are there, too.
  for (let step = 0; step < wanted.length + 40; step++) {
    await page.keyboard.press("Tab");
    // The head of the next column is there after the next frame; nobody is faster.
    visited.add(await page.evaluate(() => new Promise<string>((then) => {
      requestAnimationFrame(() => requestAnimationFrame(() => then(document.activeElement?.outerHTML ?? "")));
    })));
  }
  return wanted.filter((written) => !visited.has(written)).map((written) => written.slice(0, 120));
}

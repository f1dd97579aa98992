// What a person does, in the page's own words.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, type Locator, type Page } from "@playwright/test";

const root = resolve(import.meta.dirname, "..");

/** The page, loaded to the last byte: worker and model packs too. */
export async function start(page: Page) {
  await page.goto("./");
  await page.waitForLoadState("networkidle");
}

/** Gives the page a file, by path or with content of our own. */
export async function give(page: Page, file: string | { name: string; mimeType: string; buffer: Buffer }) {
  const chooser = page.getByLabel("Flow file");
  if ((await chooser.count()) === 0) await page.getByRole("button", { name: "New file" }).click();
  await chooser.setInputFiles(file);
}

export function text(name: string, content: string | Buffer) {
  return { name, mimeType: "text/csv", buffer: Buffer.from(content) };
}

/** The headline of a finished analysis, such as "12 of 300 flows are odd". */
export function headline(page: Page): Locator {
  return page.getByRole("heading", { level: 1, name: /^[\d,]+ of [\d,]+ flows? (is|are) odd/ });
}

/** How many records are flagged, and of how many. */
export async function counts(page: Page): Promise<{ odd: number; all: number }> {
  const words = (await headline(page).innerText()).match(/([\d,]+)\s+of\s+([\d,]+)/)!;
  const [odd, all] = words.slice(1).map((digits) => Number(digits.replaceAll(",", "")));
  return { odd, all };
}

export async function analyse(page: Page, file: Parameters<typeof give>[1]) {
  await give(page, file);
  await expect(headline(page)).toBeVisible({ timeout: 120_000 });
}

/** The panel with what the labels say. */
export function labels(page: Page): Locator {
  return page.getByRole("complementary", { name: "Against the labels" });
}

/** The annotated file as the page hands it out. */
export async function download(page: Page): Promise<Buffer> {
  const handed = page.waitForEvent("download", { timeout: 60_000 });
  await page.getByRole("button", { name: "Download annotated CSV" }).click();
  return readFileSync(await (await handed).path());
}

/** What `oddflow score` writes for the same file; the program has been built by then. */
export function scoreByProgram(file: string, ...args: string[]): Buffer {
  const out = join(mkdtempSync(join(tmpdir(), "oddflow-")), "scored.csv");
  const program = process.env.ODDFLOW_PROGRAM ?? join(root, "target/debug/oddflow");
  execFileSync(program, ["score", file, "--out", out, ...args], { stdio: "pipe" });
  return readFileSync(out);
}

/** A file on disk with this content. */
export function onDisk(name: string, content: string | Buffer): string {
  const path = join(mkdtempSync(join(tmpdir(), "oddflow-")), name);
  writeFileSync(path, content);
  return path;
}

/** 300 ordinary flows and one of 50 MB, which is record 301. */
export function someFlows(): string {
  const lines = ["src_ip,proto,bytes,packets,info"];
  for (let i = 0; i < 300; i++) {
    lines.push(`10.0.0.${i % 20},${["tcp", "udp"][i % 2]},${500 + ((i * 7) % 400)},${4 + (i % 9)},row ${i}`);
  }
  lines.push("10.0.0.7,icmp,50000000,40000,the odd one");
  return lines.join("\n") + "\n";
}

/** A flood that is 95 % of the file and varied normal records between, with labels; times are seconds since 1970. */
export function aFlood(): string {
  const lines = ["ts,src_ip,proto,bytes,packets,label"];
  for (let i = 0; i < 4000; i++) {
    const ts = 1_700_000_000 + i;
    lines.push(i % 20 === 0 ? `${ts},${normalFlow(i / 20)},benign` : `${ts},10.9.9.9,tcp,${60 + (i % 2)},1,scan`);
  }
  return lines.join("\n") + "\n";
}

/** 1,000 normal records of the same network. */
export function aQuietDay(): string {
  const lines = ["ts,src_ip,proto,bytes,packets"];
  for (let k = 0; k < 1000; k++) lines.push(`${1_600_000_000 + k},${normalFlow(k)}`);
  return lines.join("\n") + "\n";
}

function normalFlow(k: number): string {
  return `10.0.0.${k % 20},${["tcp", "udp"][k % 2]},${300 + ((k * k) % 977)},${4 + (k % 13)}`;
}

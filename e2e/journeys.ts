// What a person does, in the page's own words.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { expect, test, type Locator, type Page } from "@playwright/test";

const root = resolve(import.meta.dirname, "..");

/** The page, loaded to the last byte: worker and model packs too. */
export async function start(page: Page) {
  await page.goto("./");
  await page.waitForLoadState("networkidle");
}

/** Gives the page a file, by path or with content of our own. */
export async function give(page: Page, file: string | string[] | { name: string; mimeType: string; buffer: Buffer }) {
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

/** A panel of the exploration, opened by its tab. */
export async function panel(page: Page, name: string): Promise<Locator> {
  await page.getByRole("tab", { name }).click();
  return page.getByRole("tabpanel", { name });
}

/** The panel with what the labels say. */
export function labels(page: Page): Promise<Locator> {
  return panel(page, "Against the labels");
}

/** What to look at first, once it is known. */
export async function leads(page: Page): Promise<Locator> {
  const section = page.getByRole("region", { name: "What to look at first" });
  // What is not there yet is hidden, too.
  await expect(section).toBeVisible();
  await expect(section.getByRole("status")).toBeHidden({ timeout: 120_000 });
  return section.getByRole("listitem");
}

export function records(page: Page): Locator {
  return page.getByRole("grid", { name: "Records" });
}

export async function filter(page: Page, words: string) {
  const box = page.getByRole("combobox", { name: "Filter records" });
  await box.fill(words);
  await box.press("Enter");
}

/** What axe-core finds wrong with the page as it is now. */
export async function faults(page: Page): Promise<string[]> {
  await page.evaluate(readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8"));
  return page.evaluate(async () => {
    const { violations } = await (window as any).axe.run();
    return violations.map((fault: any) => `${fault.id}: ${fault.nodes.map((node: any) => node.html).join(" ")}`);
  });
}

/** A download that a button starts. */
export async function handed(page: Page, press: () => Promise<void>): Promise<{ name: string; bytes: Buffer }> {
  const download = page.waitForEvent("download", { timeout: 60_000 });
  await press();
  return { name: (await download).suggestedFilename(), bytes: readFileSync(await (await download).path()) };
}

/** The annotated file as the page hands it out. */
export async function download(page: Page): Promise<Buffer> {
  return (await handed(page, () => page.getByRole("button", { name: "Download annotated CSV" }).click())).bytes;
}

/** What `oddflow score` writes for the same file; the program has been built by then. */
export function scoreByProgram(file: string, ...args: string[]): Buffer {
  const out = scratch("scored.csv");
  const program = process.env.ODDFLOW_PROGRAM ?? join(root, "target/debug/oddflow");
  execFileSync(program, ["score", file, "--out", out, ...args], { stdio: "pipe" });
  return readFileSync(out);
}

/** Made-up records such as a model pack was trained on, as the program writes them. */
export function madeUp(pack: string, rows: number): Buffer {
  const program = process.env.ODDFLOW_PROGRAM ?? join(root, "target/debug/oddflow");
  return execFileSync(program, ["generate", "--like", pack, "--rows", String(rows)], { maxBuffer: 1 << 30, stdio: "pipe" });
}

/** The same in a file. */
export function likePack(pack: string, rows: number): string {
  return onDisk(`${pack}-${rows}.csv`, madeUp(pack, rows));
}

/** A file on disk with this content. */
export function onDisk(name: string, content: string | Buffer): string {
  const path = scratch(name);
  writeFileSync(path, content);
  return path;
}

/** The path of a file of this test's own that is not there yet. */
function scratch(name: string): string {
  return join(mkdtempSync(test.info().outputPath("file-")), name);
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

/** Flows of an ordinary network, and a host that calls the same other one every five minutes, with 300 bytes each time. */
export function aBeacon(): string {
  const lines = ["ts,src_ip,dst_ip,src_port,dst_port,proto,duration,bytes_sent,bytes_received"];
  const flow = (ts: number, src: string, dst: string, port: number, sent: number, received: number) =>
    lines.push(`${ts},${src},${dst},${40_000 + (lines.length % 20_000)},${port},tcp,${(1 + (lines.length % 7)) / 4},${sent},${received}`);
  for (let i = 0; i < 3000; i++) {
    const ts = 1_700_000_000 + ((i * i * 7919) % 86_400);
    flow(ts, `10.0.0.${i % 40}`, `93.184.${(i * 31) % 200}.${(i * 17) % 250}`, [80, 443, 443, 53][i % 4], 200 + ((i * 977) % 9000), 300 + ((i * 613) % 90_000));
  }
  for (let k = 0; k < 280; k++) flow(1_700_000_000 + k * 300 + (k % 3), "10.0.0.99", "203.0.113.7", 8443, 300, 120);
  return lines.join("\n") + "\n";
}

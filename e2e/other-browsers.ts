// Firefox and WebKit as a system has them, which the test runner does not drive: just enough to give a file and to take one.
// Both speak protocols of the W3C: https://www.w3.org/TR/webdriver-bidi/ and https://www.w3.org/TR/webdriver2/.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { WebSocket } from "ws";

/** A browser that shows one page. */
export type OtherBrowser = {
  /** The folder of its downloads. */
  downloads: string;
  open(url: string): Promise<void>;
  /** Chooses a file in the page's file field. */
  give(path: string): Promise<void>;
  /** What an expression is in the page. */
  ask(expression: string): Promise<unknown>;
  close(): Promise<void>;
};

/** Starts a browser that keeps its files in a folder. */
type Start = (folder: string) => Promise<OtherBrowser>;

/** What starts each of them; nothing where it is not installed. */
export function otherBrowsers(): Record<string, Start | undefined> {
  const firefox = onPath("firefox") ?? onPath("firefox-esr");
  const driver = onPath("WebKitWebDriver");
  // It shows a window, for which there has to be a screen.
  const screen = process.env.DISPLAY || process.env.WAYLAND_DISPLAY ? "" : onPath("xvfb-run");
  return {
    Firefox: firefox === undefined ? undefined : (folder) => startFirefox(firefox, folder),
    WebKit:
      driver === undefined || screen === undefined
        ? undefined
        : (folder) => startWebKit(screen ? [screen, "-a", driver] : [driver], folder),
  };
}

function onPath(program: string): string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter);
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path));
}

async function startFirefox(program: string, folder: string): Promise<OtherBrowser> {
  const [downloads, profile] = ["downloads", "profile"].map((name) => join(folder, name));
  for (const path of [downloads, profile]) mkdirSync(path, { recursive: true });
  const settings = { "browser.download.dir": downloads, "browser.download.folderList": 2 };
  const lines = Object.entries(settings).map((setting) => `user_pref(${setting.map((part) => JSON.stringify(part)).join(", ")});\n`);
  writeFileSync(join(profile, "user.js"), lines.join(""));
  const port = await freePort();
  const end = begin([program, "--headless", "--no-remote", "--profile", profile, `--remote-debugging-port=${port}`], process.env);
  try {
    const call = await patiently(() => connect(`ws://127.0.0.1:${port}/session`));
    await call("session.new", { capabilities: {} });
    const { context } = (await call("browsingContext.getTree", {})).contexts[0];
    const field = { type: "css", value: "input[type=file]" };
    return {
      downloads,
      open: (url) => call("browsingContext.navigate", { context, url, wait: "complete" }),
      give: async (path) => {
        const find = () => call("browsingContext.locateNodes", { context, locator: field });
        const element = await patiently(async () => (await find()).nodes[0] ?? Promise.reject(new Error("no file field")));
        await call("input.setFiles", { context, element, files: [path] });
      },
      ask: async (expression) => {
        const { result, exceptionDetails } = await call("script.evaluate", { expression, target: { context }, awaitPromise: true });
        if (exceptionDetails) throw new Error(exceptionDetails.text);
        return result.value;
      },
      close: async () => end(),
    };
  } catch (error) {
    end();
    throw error;
  }
}

/** What calls commands of WebDriver BiDi. */
async function connect(url: string): Promise<(method: string, params: object) => Promise<any>> {
  const socket = new WebSocket(url, { handshakeTimeout: 30_000 });
  await once(socket, "open");
  // Its close follows.
  socket.on("error", () => {});
  const waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();
  socket.on("message", (data) => {
    const { id, result, error, message } = JSON.parse(String(data));
    const command = waiting.get(id);
    if (error) command?.reject(new Error(`${error}: ${message}`));
    else command?.resolve(result);
  });
  socket.on("close", () => waiting.forEach(({ reject }) => reject(new Error("the browser has ended"))));
  return (method, params) =>
    new Promise((resolve, reject) => {
      waiting.set(waiting.size, { resolve, reject });
      void pause(30_000, undefined, { ref: false }).then(() => reject(new Error(`${method} takes too long`)));
      socket.send(JSON.stringify({ id: waiting.size - 1, method, params }), (error) => error && reject(error));
    });
}

async function startWebKit(program: string[], folder: string): Promise<OtherBrowser> {
  // Who has no folder for downloads gets them at home.
  const downloads = join(folder, "home");
  mkdirSync(downloads, { recursive: true });
  const port = await freePort();
  const home = { HOME: downloads, XDG_CONFIG_HOME: downloads, TMPDIR: downloads };
  const end = begin([...program, `--port=${port}`], { XAUTHORITY: join(homedir(), ".Xauthority"), ...process.env, ...home });
  const call = async (method: string, path: string, body?: object): Promise<any> => {
    const signal = AbortSignal.timeout(30_000);
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method, signal, body: body && JSON.stringify(body) });
    const { value } = (await answer.json()) as { value: any };
    if (value?.error) throw new Error(`${value.error}: ${value.message}`);
    return value;
  };
  try {
    await patiently(() => call("GET", "/status"));
    const session = `/session/${(await call("POST", "/session", { capabilities: {} })).sessionId}`;
    const field = { using: "css selector", value: "input[type=file]" };
    return {
      downloads,
      open: (url) => call("POST", `${session}/url`, { url }),
      give: async (path) => {
        const found = await patiently(() => call("POST", `${session}/element`, field));
        await call("POST", `${session}/element/${Object.values(found)[0]}/value`, { text: path });
      },
      ask: (expression) => call("POST", `${session}/execute/sync`, { script: `return ${expression}`, args: [] }),
      close: async () => {
        await call("DELETE", session).catch(() => {});
        end();
      },
    };
  } catch (error) {
    end();
    throw error;
  }
}

/** Starts a program with all that it starts; what ends all of it, as the end of this process does, too. */
function begin([program, ...args]: string[], env: NodeJS.ProcessEnv): () => void {
  const group = spawn(program, args, { detached: true, stdio: "ignore", env });
  // One that could not start is found not to answer, and one may have ended.
  group.on("error", () => {});
  const end = () => {
    try {
      process.kill(-group.pid!);
    } catch {}
  };
  process.once("exit", end);
  return end;
}

/** Until it works, for half a minute at most. */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (const end = Date.now() + 30_000; ; ) {
    try {
      return await work();
    } catch (error) {
      if (Date.now() > end) throw error;
      await pause(100);
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Keys that requests are signed with. */
export interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

/** What a client can be told; none of it is needed. */
export interface Config {
  /** Another address of the API, with its stage. */
  invokeUrl?: string;
  /** Sent as `x-api-key`. */
  apiKey?: string;
  /** If given, requests are signed with AWS Signature Version 4. */
  credentials?: Credentials | (() => Credentials | Promise<Credentials>);
  /** The region that signatures name, `us-east-1` if there is none. */
  region?: string;
  /** Headers of all requests. */
  headers?: Record<string, string>;
  /** What sends requests, instead of the global `fetch`. */
  fetch?: typeof fetch;
}

/** What one call can have beyond what the API describes. */
export interface Extra {
  headers?: Record<string, string>;
  query?: Record<string, Value | undefined>;
  signal?: AbortSignal;
}

/** A parameter's value; a query parameter that is a list is sent once for each. */
export type Value = string | number | boolean | readonly (string | number | boolean)[];

/** What was answered. */
export interface Answer<T> {
  status: number;
  headers: Headers;
  data: T;
}

/** An answer that is no success. */
export class ApiError extends Error {
  readonly status: number;
  readonly headers: Headers;
  readonly data: unknown;

  constructor(answer: Answer<unknown>) {
    super(`The API answered with status ${answer.status}`);
    this.name = "ApiError";
    this.status = answer.status;
    this.headers = answer.headers;
    this.data = answer.data;
  }
}

interface Call {
  verb: string;
  path: string;
  query: Record<string, Value | undefined>;
  headers: Record<string, Value | undefined>;
  contentType: string;
  body?: unknown;
}

/** As RFC 3986 has it: encodeURIComponent leaves some characters that signatures must have encoded. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (found) => "%" + found.charCodeAt(0).toString(16).toUpperCase());
}

/** A value in a path. What is empty or only dots would lead to another resource. */
function segment(name: string, value: string | number | boolean, greedy: boolean): string {
  const parts = greedy ? String(value).split("/") : [String(value)];
  if (String(value) === "" || parts.some((part) => part === "." || part === "..")) {
    throw new TypeError(`The path parameter ${name} can't be ${JSON.stringify(String(value))}`);
  }
  return parts.map(encode).join("/");
}

/** Query parameters in the order that signatures have them in. */
function canonicalQuery(query: Record<string, Value | undefined>): string {
  const pairs: [string, string][] = [];
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null) pairs.push([encode(name), encode(String(one))]);
    }
  }
  const compare = (one: string, other: string) => (one < other ? -1 : one > other ? 1 : 0);
  pairs.sort((one, other) => compare(one[0], other[0]) || compare(one[1], other[1]));
  return pairs.map((pair) => pair.join("=")).join("&");
}

/** A body as it is sent: texts and bytes as they are, everything else as JSON. */
async function bytesOf(body: unknown): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (body === undefined) return undefined;
  if (typeof body === "string") return new TextEncoder().encode(body) as Uint8Array<ArrayBuffer>;
  if (body instanceof Uint8Array) return body.slice() as Uint8Array<ArrayBuffer>;
  if (body instanceof ArrayBuffer) return new Uint8Array(body);
  if (typeof Blob !== "undefined" && body instanceof Blob) return new Uint8Array(await body.arrayBuffer());
  return new TextEncoder().encode(JSON.stringify(body)) as Uint8Array<ArrayBuffer>;
}

function hex(bytes: ArrayBuffer): string {
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function sha256(data: Uint8Array<ArrayBuffer>): Promise<string> {
  return hex(await crypto.subtle.digest("SHA-256", data));
}

async function hmac(key: ArrayBuffer | Uint8Array<ArrayBuffer>, text: string): Promise<ArrayBuffer> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const imported = await crypto.subtle.importKey("raw", key, algorithm, false, ["sign"]);
  return crypto.subtle.sign("HMAC", imported, new TextEncoder().encode(text));
}

/** Adds an AWS Signature Version 4 to a request's headers. */
async function sign(
  verb: string,
  url: URL,
  query: string,
  headers: Record<string, string>,
  body: Uint8Array<ArrayBuffer> | undefined,
  credentials: Credentials,
  region: string,
): Promise<void> {
  const time = new Date().toISOString().replace(/[:-]|\.\d{3}/g, "");
  headers["x-amz-date"] = time;
  if (credentials.sessionToken) headers["x-amz-security-token"] = credentials.sessionToken;
  const signed: Record<string, string> = { host: url.host };
  for (const [name, value] of Object.entries(headers)) signed[name] = value.trim().replace(/\s+/g, " ");
  const names = Object.keys(signed).sort();
  const canonical = [
    verb,
    // Signatures have the path encoded once more than the request, and of slashes in a row only one.
    url.pathname.replace(/\/+/g, "/").split("/").map(encode).join("/"),
    query,
    ...names.map((name) => `${name}:${signed[name]}`),
    "",
    names.join(";"),
    await sha256(body ?? new Uint8Array()),
  ].join("\n");
  const scope = [time.slice(0, 8), region, "execute-api", "aws4_request"];
  const hashed = await sha256(new TextEncoder().encode(canonical) as Uint8Array<ArrayBuffer>);
  let key: ArrayBuffer | Uint8Array<ArrayBuffer> = new TextEncoder().encode(
    "AWS4" + credentials.secretAccessKey,
  ) as Uint8Array<ArrayBuffer>;
  for (const part of scope) key = await hmac(key, part);
  const signature = hex(await hmac(key, ["AWS4-HMAC-SHA256", time, scope.join("/"), hashed].join("\n")));
  headers["authorization"] =
    `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/${scope.join("/")}, ` +
    `SignedHeaders=${names.join(";")}, Signature=${signature}`;
}

async function send<T>(config: Config, invokeUrl: string, call: Call, extra: Extra): Promise<Answer<T>> {
  const query = canonicalQuery({ ...call.query, ...extra.query });
  const url = new URL((config.invokeUrl ?? invokeUrl).replace(/\/+$/, "") + call.path + (query && "?" + query));
  const body = await bytesOf(call.body);
  const headers: Record<string, string> = { accept: "application/json" };
  if (body !== undefined) headers["content-type"] = call.contentType;
  for (const given of [config.headers, call.headers, extra.headers]) {
    for (const [name, value] of Object.entries(given ?? {})) {
      if (value !== undefined) headers[name.toLowerCase()] = String(value);
    }
  }
  if (config.apiKey) headers["x-api-key"] = config.apiKey;
  const { credentials, region = "us-east-1" } = config;
  if (credentials) {
    const keys = typeof credentials === "function" ? await credentials() : credentials;
    await sign(call.verb, url, query, headers, body, keys, region);
  }
  const init: RequestInit = { method: call.verb, headers };
  if (body !== undefined) init.body = body;
  if (extra.signal) init.signal = extra.signal;
  const response = await (config.fetch ?? fetch)(url, init);
  const text = await response.text();
  let data: unknown = text === "" ? undefined : text;
  if (/\bjson\b/.test(response.headers.get("content-type") ?? "") && text !== "") {
    try {
      data = JSON.parse(text);
    } catch {
      // Not what it says it is: the text it is.
    }
  }
  const answer = { status: response.status, headers: response.headers, data };
  if (!response.ok) throw new ApiError(answer);
  return answer as Answer<T>;
}

// Secrets in texts that have no keys: messages, logs, and the output of programs.
import { REDACTED } from "../output/text.ts";

/** Parts of words that announce a secret. The rest of the line is redacted. */
const STRONG =
  "password|passphrase|passwd|pwd|\\bpass\\b|secret|token|bearer|credential|cookie|authorization|authorized|authentication|api[-_]?key|private[-_]?key";
/**
 * Ends of words that announce a secret if a colon or an equals sign follows, or if the word is an option. A `pkey` is a
 * number of InfiniBand, and not a secret.
 */
const WEAK =
  "(?:(?<!\\bp)keys?|(?<!by)pass|auth|creds?|pw|pin|psk|otp|jwt|salt|signature|session|login|user(?:name)?)";
/** The end of such a word, as in `key-data` and `key_1`. */
const SUFFIX = "(?:[-_]?(?:data|id|base64|b64|pem|\\d+))?";

/** Parts of these words, in lower case: each word has at least one part. */
const STEMS =
  "pass pwd secret token bearer cred cookie auth key pw pin psk otp jwt salt signature session login user".split(
    " ",
  );

const SECRET_LABEL = new RegExp(`${STRONG}|${WEAK}${SUFFIX}$`, "i");
/** The rest of the line, and the next line if the rest is empty, as in YAML. */
const REST = "(?:[ \\t]*[|>]?-?[ \\t]*\\r?\\n)?[^\\n]*";
const LABELED = [
  new RegExp(`((?:${STRONG})[\\w.-]*["'\\\\]*[ \\t]*(?:[:=]|%3d)?[ \\t]*)${REST}`, "gi"),
  new RegExp(`(${WEAK}${SUFFIX}["'\\\\]*[ \\t]*(?:[:=]|%3d)[ \\t]*)${REST}`, "gi"),
  new RegExp(`(-[\\w-]{0,64}${WEAK}${SUFFIX}[ \\t]+)${REST}`, "gi"),
];
/** A key or certificate of RFC 7468, also if its end is missing. */
const PEM = /-----BEGIN[\s\S]*?(?:-----END[^\n-]*-----|$)/g;
/** The user and the password, and the query, of a URL. */
// The lengths are bounded, so that the time stays proportional to the text.
const USER_INFO = /:\/\/[^\s"'@]{0,256}@/g;
const QUERY = /(:\/\/[^\s"'?]{0,256}\?)[^\s"']+/g;
/** A long run of letters, digits and the other characters of Base64. */
const RUN = /[\w+/=-]{20,}/g;
/** The length from which on letters with digits are a random text, and not a name. A GUID without colons has 16. */
const RANDOM = 17;

/** Reports whether a key, or the name of an option, announces a secret. */
export function isSecretLabel(key: string): boolean {
  return SECRET_LABEL.test(key);
}

/**
 * Returns a text without what a word such as "password" announces, keys in PEM, users and queries of URLs, and long random
 * texts.
 * @param shown random texts that are known to be harmless.
 */
export function redactLabeled(text: string, shown: ReadonlySet<string>): string {
  let rest = text.replace(PEM, REDACTED);
  if (rest.includes("://")) rest = rest.replace(USER_INFO, `://${REDACTED}@`).replace(QUERY, `$1${REDACTED}`);
  // Few texts have such a word, and the search for a pattern takes ten times as long.
  const lower = rest.toLowerCase();
  for (const pattern of STEMS.some((stem) => lower.includes(stem)) ? LABELED : [])
    rest = rest.replace(pattern, (all: string, label: string) => (all === label ? all : label + REDACTED));
  return rest.replace(RUN, (run) => (isRandom(run, shown) ? REDACTED : run));
}

function isRandom(run: string, shown: ReadonlySet<string>): boolean {
  if (shown.has(run)) return false;
  if (/^[^/].*(?:\+|=$)/.test(run) && hasBoth(run)) return true;
  // An ID of a container is a component of paths and names, such as ID-net1.
  return run
    .split(/[/=+_-]+/)
    .some((part) => part.length >= RANDOM && hasBoth(part) && !shown.has(part) && !NAME.test(part));
}

/** Reports whether a text contains letters and digits. */
function hasBoth(text: string): boolean {
  return /\d/.test(text) && /[a-z]/i.test(text);
}

/** A time in the name of a file, e.g. 20260101T000000Z, or an address of 64 bits, as the kernel prints it. */
const NAME = /^(?:\d{8}T\d{6}Z?|0x[\da-f]{16})$/;

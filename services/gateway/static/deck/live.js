// The live stream over WebSocket: it reconnects by itself and goes on after the last event heard.

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;
const SILENCE_MS = 15_000; // the deck says something every 5 seconds
const POLICY_VIOLATION = 1008; // our greeting was not understood: begin anew with a snapshot

export class Live {
  // `onMessage` gets each message, `onPhase` {phase: connecting | live | waiting, retryAt, why}.
  constructor({ onMessage, onPhase }) {
    this.onMessage = onMessage;
    this.onPhase = onPhase;
    this.seq = null; // the last event heard
    this.tape = ""; // the tape that it is an event of
    this.failures = 0;
    this.socket = null;
    this.timer = null;
    addEventListener("online", () => this.retryNow());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.retryNow();
    });
  }

  connect() {
    this.onPhase({ phase: "connecting", retryAt: null, why: "" });
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/api/live`);
    this.socket = socket;
    socket.addEventListener("open", () => socket.send(JSON.stringify(this.greeting())));
    socket.addEventListener("message", ({ data }) => this.heard(JSON.parse(data)));
    socket.addEventListener("close", ({ code }) => this.lost(socket, code));
    this.watch();
  }

  greeting() {
    return this.seq === null ? {} : { from_seq: this.seq + 1, tape: this.tape };
  }

  heard(message) {
    this.watch();
    if (message.type === "error") {
      this.onPhase({ phase: "waiting", retryAt: null, why: message.error.message });
      return;
    }
    if (message.type !== "heartbeat") this.seq = message.seq;
    if (message.type === "snapshot") this.tape = message.tape;
    this.failures = 0;
    this.onPhase({ phase: "live", retryAt: null, why: "" });
    this.onMessage(message);
  }

  // A connection that says nothing for too long is as good as closed.
  watch() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.socket.close(), SILENCE_MS);
  }

  lost(socket, code) {
    if (socket !== this.socket) return;
    if (code === POLICY_VIOLATION) this.seq = null;
    clearTimeout(this.timer);
    const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.failures);
    const wait = longest * (0.5 + 0.5 * Math.random());
    this.failures += 1;
    this.socket = null;
    this.timer = setTimeout(() => this.connect(), wait);
    this.onPhase({ phase: "waiting", retryAt: Date.now() + wait, why: "" });
  }

  retryNow() {
    if (this.socket !== null) return;
    clearTimeout(this.timer);
    this.connect();
  }
}

/*
 * A scanner that loses nothing: the JavaScript example of packaging/guides/scanner-developers.md, with
 * npm's `mqtt`.
 *
 * An event is appended to the outbox, a file, before it is published, and leaves it when dray's own ack
 * says `stored` or `duplicate`. Until then it is published again: after RESEND_MS, and whenever the
 * connection comes back. The broker's PUBACK proves nothing: brokers forget.
 *
 *   node scanner.mjs --port 1883 --site dc-muc-1 --device tc52-0042 --outbox FILE
 *
 * reads a line per event, "TYPE DATA" (DATA is JSON), prints a line per ack, and ends when its input has
 * ended and the outbox is empty.
 */
import { randomUUID } from "node:crypto";
import { appendFileSync, closeSync, existsSync, fsyncSync, openSync, readFileSync,
	renameSync } from "node:fs";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { connect } from "mqtt";

const RESEND_MS = 5000;
const COMPACT_LINES = 1000;

/* A journal: {"put": event} and {"gone": id}, a line each; written anew when it has grown. */
class Outbox {
	constructor(path) {
		this.path = path;
		this.events = new Map(); // id: { event, sentAt }, in the order in which they were scanned
		this.lines = 0;
		for (const line of existsSync(path) ? readFileSync(path, "utf8").split("\n") : []) {
			let entry;
			try {
				entry = JSON.parse(line);
			} catch {
				continue; // the last one, cut by a dying battery: it was never sent
			}
			if (entry.put)
				this.events.set(entry.put.id, { event: entry.put, sentAt: 0 });
			else
				this.events.delete(entry.gone);
		}
		this.compact();
	}

	compact() {
		const kept = [...this.events.values()].map(({ event }) => JSON.stringify({ put: event }));

		if (this.file !== undefined)
			closeSync(this.file);
		this.file = openSync(this.path + ".new", "w");
		appendFileSync(this.file, kept.map((line) => line + "\n").join(""));
		fsyncSync(this.file); // before it takes the old one's place
		renameSync(this.path + ".new", this.path);
		const folder = openSync(dirname(this.path));
		fsyncSync(folder); // nor may the rename be lost behind an event that is in the new one
		closeSync(folder);
		this.lines = kept.length;
	}

	write(entry) {
		appendFileSync(this.file, JSON.stringify(entry) + "\n");
		fsyncSync(this.file); // on the disk before it is sent
		this.lines++;
	}

	put(event) {
		this.write({ put: event });
		this.events.set(event.id, { event, sentAt: 0 });
	}

	remove(id) {
		if (!this.events.delete(id))
			return;
		this.write({ gone: id });
		if (this.lines > COMPACT_LINES + 2 * this.events.size)
			this.compact();
	}
}

export class Scanner {
	constructor({ host = "127.0.0.1", port = 1883, site, device, outbox, root = "dray/v1",
		onAck = () => {} }) {
		this.base = `${root}/${site}`;
		this.device = device;
		this.outbox = new Outbox(outbox);
		this.onAck = onAck;
		this.client = connect(`mqtt://${host}:${port}`, {
			clientId: device, clean: true, keepalive: 15, reconnectPeriod: 1000,
			queueQoSZero: false,
		});
		this.client.on("connect", () => this.subscribe());
		this.client.on("message", (_topic, payload) => this.hear(JSON.parse(payload)));
		this.client.on("error", () => {}); // it connects again
		this.timer = setInterval(() => this.publish(), 200);
	}

	/* Returns the event's id: from here on it can't be lost. */
	scan(type, data) {
		const event = { id: randomUUID(), type, time: new Date().toISOString(), data };

		this.outbox.put(event);
		this.publish();
		return event.id;
	}

	subscribe() {
		this.client.subscribe(`${this.base}/ack/${this.device}`, { qos: 1 }, () => {
			for (const kept of this.outbox.events.values())
				kept.sentAt = 0; // the connection is new: all of it is due
			this.publish();
		});
	}

	publish() {
		const now = Date.now();

		if (!this.client.connected)
			return;
		for (const kept of this.outbox.events.values()) {
			if (now - kept.sentAt < RESEND_MS && now >= kept.sentAt)
				continue;
			kept.sentAt = now;
			this.client.publish(`${this.base}/event/${kept.event.type}/${this.device}`,
				JSON.stringify(kept.event), { qos: 1 });
		}
	}

	hear(ack) {
		// `rejected`: sent again as it is, it is rejected again. onAck shows it to the worker.
		if (["stored", "duplicate", "rejected"].includes(ack.status) && ack.id)
			this.outbox.remove(ack.id);
		this.onAck(ack);
		if (this.isClosing && this.outbox.events.size === 0)
			this.end();
	}

	/* End when everything is confirmed. */
	close() {
		this.isClosing = true;
		if (this.outbox.events.size === 0)
			this.end();
	}

	end() {
		clearInterval(this.timer);
		this.client.end(true);
	}
}

const { values } = parseArgs({ options: { host: { type: "string" }, port: { type: "string" },
	site: { type: "string" }, device: { type: "string" }, outbox: { type: "string" } } });
const scanner = new Scanner({ ...values, onAck: (ack) => console.log(JSON.stringify(ack)) });
const input = createInterface({ input: process.stdin });

input.on("line", (line) => {
	const [, type, data] = line.match(/^\s*(\S+)\s+(.*)$/) ?? [];

	if (type)
		scanner.scan(type, JSON.parse(data));
});
input.on("close", () => scanner.close());

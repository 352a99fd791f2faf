/*
 * A small stand-in for the push service that Firefox talks to: its WebSocket protocol on one side (hello, register, notification, ack), the
 * endpoint that a server posts to on the other. What arrives is handed to Firefox as it is; Firefox decrypts it, or says it could not.
 * Prints a JSON line for each thing that happens.
 */
import { createServer } from "node:http";
import { randomUUID } from "node:crypto";
import { WebSocketServer } from "ws";

export function autopush(say) {
    const channels = new Map(); // channel → socket
    const http = createServer((req, res) => {
        const parts = [];
        req.on("data", (d) => parts.push(d));
        req.on("end", () => {
            const channel = req.url.split("/").pop();
            const socket = channels.get(channel);
            if (req.method !== "POST" || !socket) {
                res.writeHead(404).end();
                return;
            }
            const body = Buffer.concat(parts);
            const version = randomUUID();
            say({ event: "posted", channel, version, at: performance.now(), bytes: body.length, headers: req.headers });
            socket.send(
                JSON.stringify({
                    messageType: "notification",
                    channelID: channel,
                    version,
                    data: body.toString("base64url"),
                    headers: { encoding: req.headers["content-encoding"] },
                }),
            );
            res.writeHead(201, { Location: `${http.origin}/m/${version}`, TTL: req.headers.ttl ?? "0" }).end();
        });
    });
    const sockets = new WebSocketServer({ server: http, handleProtocols: (set) => [...set][0] });
    sockets.on("connection", (socket) => {
        socket.on("message", (text) => {
            const m = JSON.parse(text);
            if (m.messageType === "hello") {
                socket.send(JSON.stringify({ messageType: "hello", uaid: m.uaid || randomUUID().replaceAll("-", ""), status: 200, use_webpush: true, broadcasts: {} }));
            } else if (m.messageType === "register") {
                channels.set(m.channelID, socket);
                socket.send(JSON.stringify({ messageType: "register", channelID: m.channelID, status: 200, pushEndpoint: `${http.origin}/wpush/v2/${m.channelID}` }));
                say({ event: "registered", channel: m.channelID });
            } else if (m.messageType === "unregister") {
                channels.delete(m.channelID);
                socket.send(JSON.stringify({ messageType: "unregister", channelID: m.channelID, status: 200 }));
            } else if (m.messageType === "ack") {
                for (const u of m.updates) say({ event: "ack", channel: u.channelID, version: u.version, code: u.code });
            } else if (text.toString() === "{}") {
                socket.send("{}");
            }
        });
    });
    return new Promise((resolve) => {
        http.listen(0, "127.0.0.1", () => {
            http.origin = `http://127.0.0.1:${http.address().port}`;
            resolve({ port: http.address().port, stop: () => (sockets.close(), http.closeAllConnections(), http.close()) });
        });
    });
}

package apus.runtime;

import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;

/**
 * The Runtime API over one raw keep-alive connection; the JDK's HTTP client costs more than 100 ms at its first use.
 *
 * <p>An answer and the request for the next invocation leave in one piece: the server answers them in order, and the process
 * is woken once per invocation. What the server says to an answer does not matter: the next invocation is the only way on.
 */
final class RuntimeApi {
    private static final String PREFIX = "/2018-06-01/runtime/";
    private static final String JSON = "Content-Type: application/json\r\n";

    private final String host;
    private final int port;
    private final String tail;
    private final byte[] next;

    private OutputStream output;
    private InputStream input;
    private byte[] buffer = new byte[16 * 1024];
    private int start;
    private int end;
    private boolean hasAnswered;

    /** @param address {@code HOST:PORT} */
    RuntimeApi(String address) {
        int colon = address.lastIndexOf(':');
        host = address.substring(0, colon);
        port = Integer.parseInt(address.substring(colon + 1));
        tail = " HTTP/1.1\r\nHost: " + address + "\r\n";
        next = bytes("GET " + PREFIX + "invocation/next" + tail + "\r\n");
    }

    /**
     * Waits for an invocation.
     *
     * @throws IOException when the platform has gone
     */
    Invocation next() throws IOException {
        boolean answered = hasAnswered;
        hasAnswered = false;
        try {
            if (answered) reply();
            else send(next);
            return invocation(reply());
        } catch (IOException problem) {
            if (!answered) throw problem;
            // A server may refuse an answer (too large) by closing the connection half-way.
            output = null;
            send(next);
            return invocation(reply());
        }
    }

    private static Invocation invocation(Reply reply) throws IOException {
        if (reply.status.equals("200")) return new Invocation(reply.headers, reply.body);
        System.err.println("next invocation refused: " + reply.status + " " + new String(reply.body, StandardCharsets.UTF_8));
        throw new IOException("refused");
    }

    void respond(String id, byte[] body) {
        answer("invocation/" + id + "/response", JSON, body);
    }

    /**
     * @param cause for X-Ray, in JSON
     * @param isLast no further invocation is asked for, and the error has been received when this returns
     */
    void fail(String id, byte[] body, String type, String cause, boolean isLast) throws IOException {
        String headers = errorHeaders(type) + (cause == null ? "" : "Lambda-Runtime-Function-XRay-Error-Cause: " + cause + "\r\n");
        if (isLast) post("invocation/" + id + "/error", headers, body);
        else answer("invocation/" + id + "/error", headers, body);
    }

    void failInit(byte[] body, String type) throws IOException {
        post("init/error", errorHeaders(type), body);
    }

    void failRestore(byte[] body, String type) throws IOException {
        post("restore/error", errorHeaders(type), body);
    }

    /** Says that the function is ready for its snapshot; returns when it is restored. */
    void awaitRestore() throws IOException {
        send(bytes("GET " + PREFIX + "restore/next" + tail + "\r\n"));
        reply();
    }

    private static String errorHeaders(String type) {
        return JSON + "Lambda-Runtime-Function-Error-Type: " + type + "\r\n";
    }

    private void answer(String path, String headers, byte[] body) {
        hasAnswered = true;
        try {
            send(request(path, headers, body, next));
        } catch (IOException problem) {
            // `next` finds the connection closed and begins again.
        }
    }

    private void post(String path, String headers, byte[] body) throws IOException {
        send(request(path, headers, body, new byte[0]));
        reply();
    }

    private byte[] request(String path, String headers, byte[] body, byte[] following) {
        byte[] head = bytes("POST " + PREFIX + path + tail + headers + "Content-Length: " + body.length + "\r\n\r\n");
        byte[] request = Arrays.copyOf(head, head.length + body.length + following.length);
        System.arraycopy(body, 0, request, head.length, body.length);
        System.arraycopy(following, 0, request, head.length + body.length, following.length);
        return request;
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private void send(byte[] request) throws IOException {
        if (output == null) connect();
        output.write(request);
    }

    private void connect() throws IOException {
        // No proxy that the function may set for itself.
        Socket socket = new Socket(java.net.Proxy.NO_PROXY);
        socket.connect(new java.net.InetSocketAddress(InetAddress.getByName(host), port));
        socket.setTcpNoDelay(true);
        input = socket.getInputStream();
        output = socket.getOutputStream();
        start = end = 0;
    }

    private record Reply(String status, Map<String, String> headers, byte[] body) {}

    private Reply reply() throws IOException {
        String first = line();
        if (first.length() < 12) throw new IOException("no HTTP: " + first);
        Map<String, String> headers = new HashMap<>();
        for (String line = line(); !line.isEmpty(); line = line()) {
            int colon = line.indexOf(':');
            if (colon > 0) headers.put(line.substring(0, colon).toLowerCase(Locale.ROOT), line.substring(colon + 1).trim());
        }
        return new Reply(first.substring(9, 12), headers, body(headers));
    }

    private byte[] body(Map<String, String> headers) throws IOException {
        if ("chunked".equalsIgnoreCase(headers.get("transfer-encoding"))) return chunks();
        String length = headers.get("content-length");
        return exactly(length == null ? 0 : Integer.parseInt(length));
    }

    private byte[] chunks() throws IOException {
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        while (true) {
            String line = line();
            int semicolon = line.indexOf(';');
            int size = Integer.parseInt(semicolon < 0 ? line : line.substring(0, semicolon), 16);
            body.write(exactly(size), 0, size);
            line();
            if (size == 0) return body.toByteArray();
        }
    }

    /** The next line, without its end. */
    private String line() throws IOException {
        int from = start;
        while (true) {
            for (int index = from; index + 1 < end; index++) {
                if (buffer[index] == '\r' && buffer[index + 1] == '\n') {
                    String line = new String(buffer, start, index - start, StandardCharsets.UTF_8);
                    start = index + 2;
                    return line;
                }
            }
            int scanned = Math.max(0, end - start - 1);
            if (start > 0) {
                System.arraycopy(buffer, start, buffer, 0, end - start);
                end -= start;
                start = 0;
            }
            if (end == buffer.length) buffer = Arrays.copyOf(buffer, buffer.length * 2);
            end += read(buffer, end, buffer.length - end);
            from = scanned;
        }
    }

    private byte[] exactly(int length) throws IOException {
        int known = Math.min(length, end - start);
        byte[] body = Arrays.copyOfRange(buffer, start, start + known);
        start += known;
        if (known == length) return body;
        body = Arrays.copyOf(body, length);
        while (known < length) known += read(body, known, length - known);
        return body;
    }

    private int read(byte[] into, int offset, int length) throws IOException {
        int count = input.read(into, offset, length);
        if (count < 0) throw new EOFException();
        return count;
    }
}

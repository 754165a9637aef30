// The application of tests/field/contract.py with Undertow.
import io.undertow.Handlers;
import io.undertow.Undertow;
import io.undertow.UndertowOptions;
import io.undertow.server.HttpHandler;
import io.undertow.server.HttpServerExchange;
import io.undertow.server.handlers.BlockingHandler;
import io.undertow.server.handlers.PathHandler;
import io.undertow.websockets.WebSocketConnectionCallback;
import io.undertow.websockets.WebSocketProtocolHandshakeHandler;
import io.undertow.websockets.core.*;
import io.undertow.websockets.core.protocol.Handshake;
import io.undertow.websockets.core.protocol.version13.Hybi13Handshake;
import io.undertow.websockets.extensions.PerMessageDeflateHandshake;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.List;
import java.util.Set;

public class UndertowMain {
    static volatile String closed = "nobody";

    static void digest(HttpServerExchange exchange) throws Exception {
        MessageDigest hash = MessageDigest.getInstance("SHA-256");
        InputStream body = exchange.getInputStream();
        byte[] buffer = new byte[65536];
        long length = 0;
        for (int got = body.read(buffer); got >= 0; got = body.read(buffer)) {
            hash.update(buffer, 0, got);
            length += got;
        }
        StringBuilder text = new StringBuilder(length + " ");
        for (byte value : hash.digest()) text.append(String.format("%02x", value));
        exchange.getOutputStream().write(text.toString().getBytes());
    }

    static void stream(HttpServerExchange exchange) throws Exception {
        OutputStream out = exchange.getOutputStream();
        byte[] piece = "x".repeat(20000).getBytes();
        for (int number = 0; number < 40; number++) {
            out.write(piece);
            out.flush();
            Thread.sleep(25);
        }
        out.close();
    }

    static class Echo extends AbstractReceiveListener {
        @Override protected void onFullTextMessage(WebSocketChannel channel, BufferedTextMessage message) {
            String text = message.getData();
            if (text.startsWith("close ")) {
                WebSockets.sendClose(Integer.parseInt(text.substring(6)), "as asked", channel, null);
            } else {
                WebSockets.sendText(text, channel, null);
            }
        }

        @Override protected void onFullBinaryMessage(WebSocketChannel channel, BufferedBinaryMessage message) {
            ByteBuffer whole = WebSockets.mergeBuffers(message.getData().getResource());
            WebSockets.sendBinary(whole, channel, null);
        }

        @Override protected void onCloseMessage(CloseMessage message, WebSocketChannel channel) {
            closed = String.valueOf(message.getCode());
        }

        @Override protected long getMaxTextBufferSize() { return -1; }
        @Override protected long getMaxBinaryBufferSize() { return -1; }
    }

    public static void main(String[] arguments) {
        WebSocketConnectionCallback callback = (exchange, channel) -> {
            channel.getReceiveSetter().set(new Echo());
            channel.resumeReceives();
        };
        Handshake handshake = new Hybi13Handshake(Set.of("chat"), false);
        HttpHandler echo = new WebSocketProtocolHandshakeHandler(List.of(handshake), callback)
            .addExtension(new PerMessageDeflateHandshake());
        PathHandler paths = Handlers.path()
            .addExactPath("/hello", exchange -> exchange.getResponseSender().send("hello"))
            .addExactPath("/closed", exchange -> exchange.getResponseSender().send(closed))
            .addExactPath("/digest", new BlockingHandler(UndertowMain::digest))
            .addExactPath("/stream", new BlockingHandler(UndertowMain::stream))
            .addExactPath("/echo", echo);
        Undertow.builder().setServerOption(UndertowOptions.MAX_ENTITY_SIZE, -1L).addHttpListener(Integer.parseInt(arguments[0]), "127.0.0.1").setHandler(paths).build().start();
    }
}

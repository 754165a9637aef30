import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import org.java_websocket.WebSocket;
import org.java_websocket.handshake.ClientHandshake;
import org.java_websocket.server.WebSocketServer;

/** Echoes messages; "close CODE" lets it close. */
public class EchoMain extends WebSocketServer {
    EchoMain(int port) {
        super(new InetSocketAddress("127.0.0.1", port));
    }

    @Override
    public void onMessage(WebSocket socket, String text) {
        if (text.startsWith("close ")) {
            socket.close(Integer.parseInt(text.substring(6)), "as asked");
        } else {
            socket.send(text);
        }
    }

    @Override
    public void onMessage(WebSocket socket, ByteBuffer bytes) {
        socket.send(bytes);
    }

    @Override
    public void onOpen(WebSocket socket, ClientHandshake handshake) {}

    @Override
    public void onClose(WebSocket socket, int code, String reason, boolean remote) {}

    @Override
    public void onError(WebSocket socket, Exception error) {}

    @Override
    public void onStart() {}

    public static void main(String[] arguments) {
        new EchoMain(Integer.parseInt(arguments[0])).run();
    }
}

// A visitor by java.net.http: a file at args[0] (with an offer to go on in HTTP/2, as it makes by itself), then echoes
// at the WebSocket args[1]. It writes what it has seen.
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

public class Visitor {
    public static void main(String[] args) throws Exception {
        HttpClient client = HttpClient.newHttpClient();
        HttpRequest request = HttpRequest.newBuilder(URI.create(args[0])).build();
        HttpResponse<byte[]> file = client.send(request, HttpResponse.BodyHandlers.ofByteArray());
        HttpRequest.BodyPublisher body = HttpRequest.BodyPublishers.ofByteArray(new byte[300000]);
        HttpRequest post = HttpRequest.newBuilder(URI.create(args[0].replace("/stream", "/digest"))).POST(body).build();
        String digest = client.send(post, HttpResponse.BodyHandlers.ofString()).body();
        CompletableFuture<String> closed = new CompletableFuture<>();
        StringBuilder said = new StringBuilder();
        WebSocket socket = client.newWebSocketBuilder().subprotocols("chat").buildAsync(URI.create(args[1]),
            new WebSocket.Listener() {
                @Override public CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean last) {
                    said.append(data);
                    socket.request(1);
                    if (last) socket.sendText("close 4001", true);
                    return null;
                }

                @Override public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
                    closed.complete(code + " " + reason);
                    return null;
                }

                @Override public void onError(WebSocket socket, Throwable error) {
                    closed.complete(error.toString());
                }
            }).join();
        socket.sendText("hello", true);
        String end = closed.get();
        System.out.println(file.version() + ", " + file.statusCode() + " " + file.body().length + " bytes, POST "
            + digest.split(" ")[0] + " bytes, echo " + said + ", closed " + end);
    }
}

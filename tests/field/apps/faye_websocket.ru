# The application of tests.field.contract as Rack, with WebSockets by faye-websocket.
require "digest"
require "faye/websocket"

Faye::WebSocket.load_adapter("puma") rescue nil
$closed = "nobody"

class Pieces
  def each
    40.times { sleep 0.025; yield "x" * 20_000 }
  end
end

run(lambda do |env|
  if Faye::WebSocket.websocket?(env)
    socket = Faye::WebSocket.new(env, ["chat"], max_length: 2**26)
    socket.on(:message) do |event|
      data = event.data
      if data.is_a?(String) && data.start_with?("close ")
        socket.close(data[6..].to_i, "as asked")
      else
        socket.send(data)
      end
    end
    socket.on(:close) { |event| $closed = "#{event.code} #{event.reason}" }
    return socket.rack_response
  end
  text = { "content-type" => "text/plain" }
  case env["PATH_INFO"]
  when "/stream" then [200, text, Pieces.new]
  when "/digest"
    body = env["rack.input"].read
    [200, text, ["#{body.bytesize} #{Digest::SHA256.hexdigest(body)}"]]
  when "/closed" then [200, text, [$closed]]
  else [200, text, ["hello"]]
  end
end)

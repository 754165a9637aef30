#!/usr/bin/env perl
# The application of tests.field.contract.
use Mojolicious::Lite -signatures;
use Digest::SHA qw(sha256_hex);
use Mojo::IOLoop;

my $closed = 'nobody';
app->log->level('fatal');
app->max_request_size(16_777_216);
app->secrets(['none']);

get '/hello'   => {text => 'hello'};
get '/closed'  => sub ($c) { $c->render(text => $closed) };
post '/digest' => sub ($c) {
  my $body = $c->req->body;
  $c->render(text => length($body) . ' ' . sha256_hex($body));
};
get '/stream' => sub ($c) {
  my $left = 40;
  my $write;
  $write = sub {
    return $c->write_chunk('') unless $left--;
    $c->write_chunk('x' x 20_000 => sub { Mojo::IOLoop->timer(0.025 => $write) });
  };
  $write->();
};
websocket '/echo' => sub ($c) {
  $c->tx->max_websocket_size(16_777_216);
  $c->tx->with_protocols('chat');
  $c->on(text => sub ($c, $text) {
    return $c->tx->finish($1 => 'as asked') if $text =~ /^close (\d+)$/;
    $c->send({text => $text});
  });
  $c->on(binary => sub ($c, $bytes) { $c->send({binary => $bytes}) });
  $c->on(finish => sub ($c, $code, $reason = undef) { $closed = "$code " . ($reason // '') });
};
app->start;

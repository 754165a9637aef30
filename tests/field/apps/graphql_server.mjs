// A schema with a query and a subscription, over HTTP, server-sent events and WebSockets.
import { createServer } from 'node:http';
import { createSchema, createYoga } from 'graphql-yoga';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';

const schema = createSchema({
  typeDefs: 'type Query { hello: String! } type Subscription { count(to: Int!): Int! }',
  resolvers: {
    Query: { hello: () => 'hello' },
    Subscription: {
      count: {
        subscribe: async function* subscribe(parent, { to }) {
          for (let count = 1; count <= to; count += 1) {
            yield { count };
            await new Promise((resolve) => { setTimeout(resolve, 300); });
          }
        },
      },
    },
  },
});
const yoga = createYoga({ schema, logging: false });
const server = createServer(yoga);
useServer({ schema }, new WebSocketServer({ server, path: '/graphql' }));
server.listen(Number(process.argv[2]), '127.0.0.1');

"""Servers of Python: NAME ROOT PORT CHAIN KEY VERSION, or version NAME."""
import asyncio
import http.server
import ssl
import sys
import time

if sys.argv[1] == "version":
    if sys.argv[2] == "http":
        print("%d.%d.%d" % sys.version_info[:3])
    else:
        from importlib.metadata import version
        print(version(sys.argv[2]))
    sys.exit()

name, root, port, chain, key, protocol = sys.argv[1:]
port = int(port)
wanted = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[protocol]


def only(context):
    context.minimum_version = context.maximum_version = wanted
    return context


def fresh():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    return only(context)


def page(path):
    with open(root + path, "rb") as file:
        return file.read()


def delay(path):
    return 0.3 if path == "/slow" else 0


async def asgi(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    body = page(scope["path"])
    await asyncio.sleep(delay(scope["path"]))
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


def wsgi(environ, start_response):
    body = page(environ["PATH_INFO"])
    time.sleep(delay(environ["PATH_INFO"]))
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


def serve_http():
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = page(self.path)
            time.sleep(delay(self.path))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.socket = fresh().wrap_socket(server.socket, server_side=True)
    server.serve_forever()


def serve_uvicorn():
    import uvicorn
    config = uvicorn.Config(asgi, port=port, ssl_certfile=chain, ssl_keyfile=key, log_level="error")
    config.load()
    only(config.ssl)
    uvicorn.Server(config).run()


def serve_hypercorn():
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    class Only(Config):
        def create_ssl_context(self):
            return only(super().create_ssl_context())

    config = Only()
    config.bind, config.certfile, config.keyfile = ["127.0.0.1:%d" % port], chain, key
    asyncio.run(serve(asgi, config))


def serve_aiohttp():
    from aiohttp import web

    async def handle(request):
        await asyncio.sleep(delay(request.path))
        return web.Response(body=page(request.path))

    app = web.Application()
    app.router.add_get("/{name}", handle)
    web.run_app(app, host="127.0.0.1", port=port, ssl_context=fresh(), print=None)


def serve_tornado():
    import tornado.httpserver
    import tornado.web

    class Handler(tornado.web.RequestHandler):
        async def get(self):
            await asyncio.sleep(delay(self.request.path))
            self.write(page(self.request.path))

    async def main():
        app = tornado.web.Application([("/.*", Handler)])
        tornado.httpserver.HTTPServer(app, ssl_options=fresh()).listen(port, "127.0.0.1")
        await asyncio.Event().wait()

    asyncio.run(main())


def serve_twisted():
    from OpenSSL import SSL
    from twisted.internet import reactor
    from twisted.web import resource, server

    class Page(resource.Resource):
        isLeaf = True

        def render_GET(self, request):
            path = request.path.decode()
            request.notifyFinish().addErrback(lambda failure: call.active() and call.cancel())

            def finish():
                body = page(path)
                request.setHeader("Content-Length", str(len(body)))
                request.write(body)
                request.finish()

            call = reactor.callLater(delay(path), finish)
            return server.NOT_DONE_YET

    class Factory:
        def getContext(self):
            context = SSL.Context(SSL.TLS_METHOD)
            context.use_certificate_chain_file(chain)
            context.use_privatekey_file(key)
            number = {"1.2": SSL.TLS1_2_VERSION, "1.3": SSL.TLS1_3_VERSION}[protocol]
            context.set_min_proto_version(number)
            context.set_max_proto_version(number)
            return context

    reactor.listenSSL(port, server.Site(Page()), Factory(), interface="127.0.0.1")
    reactor.run()


def serve_gunicorn():
    from gunicorn.app.base import BaseApplication

    class Application(BaseApplication):
        def load_config(self):
            for option, value in {
                "bind": "127.0.0.1:%d" % port, "certfile": chain, "keyfile": key, "loglevel": "error",
                "ssl_context": lambda config, default: only(default()),
            }.items():
                self.cfg.set(option, value)

        def load(self):
            return wsgi

    Application().run()


def serve_cheroot():
    from cheroot import wsgi as cheroot_wsgi
    from cheroot.ssl.builtin import BuiltinSSLAdapter
    server = cheroot_wsgi.Server(("127.0.0.1", port), wsgi)
    server.ssl_adapter = BuiltinSSLAdapter(chain, key)
    only(server.ssl_adapter.context)
    server.start()


globals()["serve_" + name]()

// A server of Node.js: ROOT PORT CHAIN KEY VERSION
import fs from 'node:fs'
import https from 'node:https'

const [root, port, chain, key, version] = process.argv.slice(2)
const protocol = 'TLSv' + version
https.createServer({
	cert: fs.readFileSync(chain), key: fs.readFileSync(key), minVersion: protocol, maxVersion: protocol,
}, (request, response) => {
	const page = fs.readFileSync(root + request.url)
	setTimeout(() => {
		response.setHeader('Content-Length', page.length)
		response.end(page)
	}, request.url === '/slow' ? 300 : 0)
}).listen(+port, '127.0.0.1')

#!/usr/bin/env lua5.4
-- client.lua HOST:PORT [OPTION...]: what a program does with tlsify, in plain
-- Lua, which has neither fork nor sockets: the shell connects named pipes. It
-- asks an HTTP server for a page, prints the answer, and says what went wrong.
local function quoted(s) return "'" .. s:gsub("'", "'\\''") .. "'" end

local command = { quoted(os.getenv("TLSIFY") or "tlsify"), "connect --eof hold --control-fd 3" }
for i = 2, #arg do command[#command + 1] = quoted(arg[i]) end
command[#command + 1] = quoted(arg[1])

local dir = io.popen("mktemp -d"):read("*l")
os.execute(("cd %s && mkfifo out control"):format(quoted(dir)))
local function leave(status)
    os.execute("rm -rf " .. quoted(dir))
    os.exit(status)
end

-- What we say is a file, which tlsify reads only when it is `ready`. Before the
-- answer many servers take its end for our leaving: --eof hold tells them later.
local to = io.open(dir .. "/in", "w")
to:write("GET / HTTP/1.0\r\n\r\n")
to:close()

-- The plaintext is on 0 and 1, the control channel on 3.
os.execute(("%s <%s/in >%s/out 2>/dev/null 3>%s/control &"):format(table.concat(command, " "), dir, dir, dir))
local from = io.open(dir .. "/out", "r")
local control = io.open(dir .. "/control", "r")

-- A space is %20 there, and % is %25; what a terminal would obey stays %XX.
local function show(text) io.stderr:write((text:gsub("%%20", " "):gsub("%%25", "%%")), "\n") end

-- hear reads the control channel until a keyword comes, or `end`.
local fact = {}
local function hear(what, keyword)
    for line in control:lines() do
        local word, value = line:match("^(%S+) ?(.*)$")
        fact[word] = value
        if word == "error" then
            show(what .. ": " .. value:match(" (.*)$") .. " (" .. value:match("^%S+") .. ")")
        end
        if word == "end" and keyword ~= "end" then leave(tonumber(value)) end
        if word == keyword then return end
    end
    io.stderr:write("tlsify died\n")
    leave(2)
end

-- Before `ready` there is nothing to say to anyone; a bad certificate never gets there.
hear("not connected", "ready")
show("connected: " .. fact.protocol .. ", " .. fact.verified)

io.write(from:read("*a"))

hear("it did not end well", "end")
leave(tonumber(fact["end"]))

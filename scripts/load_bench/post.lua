-- For wrk: sends the pictures in turn. Answers are counted by wrk itself.
local bodies = {}
for name in string.gmatch(os.getenv("PICTURES"), "[^\n]+") do
    local file = assert(io.open(name, "rb"))
    bodies[#bodies + 1] = file:read("*a")
    file:close()
end
local sent = 0
function request()
    sent = sent + 1
    return wrk.format("POST", nil, { ["Content-Type"] = "image/png" }, bodies[sent % #bodies + 1])
end

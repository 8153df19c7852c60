// Reads X12 with node-x12 (MIT), strictly: one {"id","text"} a line in, {"id","error"} or {"id","sets"} a line
// out. A set is its segments, ST and SE with them, each an array of strings.
const { X12Parser } = require('node-x12')

const segment = (s) => [s.tag, ...s.elements.map((e) => e.value)]

function read(text) {
	const interchange = new X12Parser(true).parse(text)
	return interchange.functionalGroups.flatMap((group) => group.transactions.map((set) => ({
		isa: segment(interchange.header),
		gs: segment(group.header),
		segments: [segment(set.header), ...set.segments.map(segment), segment(set.trailer)],
	})))
}

for (const line of require('fs').readFileSync(0, 'utf8').split('\n').filter(Boolean)) {
	const { id, text } = JSON.parse(line)
	let answer
	try {
		answer = { id, sets: read(text) }
	} catch (error) {
		answer = { id, error: error.message }
	}
	console.log(JSON.stringify(answer))
}

# Which records have changed: their ids, not what is in them. Of a document that was created po.changed is
# po.created.
def resource:
	[.resource | strings | capture("/(?<entity>[A-Za-z0-9_]+)(\\((?<id>[^()]+)\\))?(\\?.*)?\\z")]
	| if length == 1 then .[0] else error("a notification has no resource that could be read") end;

def change($types):
	. as $note
	| resource as $of
	| $types[$of.entity]
	| select(. != null)
	| {
		id: ("\($note.subscriptionId)-\($of.id // "all")-\($note.changeType)-\($note.lastModifiedDateTime)"
			| gsub("[^!-~]"; "_") | .[0:128]),
		type: (if . == "po.changed" and $note.changeType == "created" then "po.created" else . end),
		time: $note.lastModifiedDateTime,
		data: ({change: $note.changeType, ref: $of.id, entity: $of.entity, resource: $note.resource}
			| with_entries(select(.value != null)))
	  };

if (.payload | type) != "object" or (.payload.value | type) != "array" then
	error("this is no notification of Business Central's: it has no list \"value\"")
else
	.vars.types as $types
	| [.payload.value[] | objects | change($types)]
end

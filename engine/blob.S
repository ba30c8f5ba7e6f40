/* What the build puts into the executable: the agent, the parts of the program as compile.c wrote them, and the
 * engine with all of them loaded. */
.section .rodata
.global engine_agent, engine_agent_end, engine_parts, engine_parts_end
.balign 16
engine_agent:
.incbin "agent"
engine_agent_end:
.balign 16
engine_parts:
.incbin "parts"
engine_parts_end:

/* Behind all that a snapshot points to: its size is to change no address. */
.section .snapshot, "aw", %progbits
.global engine_snapshot, engine_snapshot_end
.balign 16
engine_snapshot:
.incbin "snapshot"
engine_snapshot_end:

.section .note.GNU-stack, "", %progbits

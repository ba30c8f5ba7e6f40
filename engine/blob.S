/* What the build puts into the executable: the agent, and the parts of the program as compile.c wrote them. */
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

.section .note.GNU-stack, "", %progbits

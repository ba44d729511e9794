/*
 * top_draw - two statuses to the lines of one frame: as many and as long as the frame takes, plain or with colours.
 *
 * What stands in a status may be a peer's words. It becomes letters here (top_text.h); whatever a terminal obeys is
 * written by this file and the terminal's alone.
 */
#ifndef SP_CLI_TOP_DRAW_H
#define SP_CLI_TOP_DRAW_H

#include "sp/base/buf.h"
#include "top_table.h"

struct sp_top_frame {
	size_t rows, columns; /* 0: as many as there are */
	bool has_colour;
	const char *trouble; /* borrowed: why what is shown is old; NULL: it is not */
};

/* Lines, each with its newline. */
void sp_top_draw(const struct sp_top_pair *pair, const struct sp_top_frame *frame, struct sp_buf *out);

#endif

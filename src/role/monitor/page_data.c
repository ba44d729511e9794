/*
 * page_data - the files in page/, put into the program by the assembler: paths are of the folder in which make runs.
 */
#include "page.h"

#define FILE_AS(name, path)                                                                                            \
	extern const char sp_data_##name[], sp_data_##name##_end[];                                                    \
	__asm__(".pushsection .rodata\n"                                                                               \
		".global sp_data_" #name "\n"                                                                          \
		"sp_data_" #name ":\n"                                                                                 \
		".incbin \"" path "\"\n"                                                                               \
		".global sp_data_" #name "_end\n"                                                                      \
		"sp_data_" #name "_end:\n"                                                                             \
		".popsection\n");                                                                                      \
	struct sp_str sp_page_##name(void)                                                                             \
	{                                                                                                              \
		return sp_str_of(sp_data_##name, (uintptr_t)sp_data_##name##_end - (uintptr_t)sp_data_##name);         \
	}

FILE_AS(html, "src/role/monitor/page/page.html")
FILE_AS(css, "src/role/monitor/page/page.css")
FILE_AS(js, "src/role/monitor/page/page.js")

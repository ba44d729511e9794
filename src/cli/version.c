#include "command.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdio.h>
#include <string.h>

#include <event2/event.h>
#include <http_parser.h>
#include <ini.h>
#include <openssl/crypto.h>

/* How the program at hand was linked: asked of its own headers, since no macro knows. */
static int look_at_self(struct dl_phdr_info *info, size_t size, void *arg)
{
	bool has_relro = false, is_now = false;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type == PT_GNU_RELRO)
			has_relro = true;
		if (p->p_type != PT_DYNAMIC)
			continue;
		for (const ElfW(Dyn) *d = (const ElfW(Dyn) *)(info->dlpi_addr + p->p_vaddr); d->d_tag != DT_NULL; d++)
			is_now |= (d->d_tag == DT_FLAGS && (d->d_un.d_val & DF_BIND_NOW) != 0) ||
				  (d->d_tag == DT_FLAGS_1 && (d->d_un.d_val & DF_1_NOW) != 0);
	}
	*(bool *)arg = has_relro && is_now;
	return 1; /* the first one is the program itself */
}

static void print_hardening(void)
{
	bool is_relro_full = false;

	(void)dl_iterate_phdr(look_at_self, &is_relro_full);
	fputs("hardening:", stdout);
#ifdef __PIE__
	fputs(" pie", stdout);
#endif
	if (is_relro_full)
		fputs(" full-relro", stdout);
#ifdef __SSP_STRONG__
	fputs(" stack-protector-strong", stdout);
#endif
#ifdef _FORTIFY_SOURCE
	printf(" fortify-%d", _FORTIFY_SOURCE);
#endif
#ifdef __CET__
	printf(" cet-%s", __CET__ == 3 ? "full" : "part");
#endif
#ifdef SP_SAN
	fputs(" asan ubsan (not for production)", stdout);
#endif
	fputs("\n", stdout);
}

/* inih knows no version of itself; the name of what was loaded is what there is. */
static const char *inih_name(void)
{
	const void *address;
	int (*function)(const char *, ini_handler, void *) = ini_parse;
	const char *slash;
	Dl_info info;

	memcpy(&address, &function, sizeof(address));
	if (dladdr(address, &info) == 0 || info.dli_fname == NULL)
		return "linked in";
	slash = strrchr(info.dli_fname, '/');
	return slash != NULL ? slash + 1 : info.dli_fname;
}

int sp_command_version(const struct sp_args *args)
{
	unsigned long parser = http_parser_version();

	(void)args;
	printf("sallyport " SP_VERSION "\n");
#ifdef __clang__
	printf("compiler: %s\n", __VERSION__);
#else
	printf("compiler: gcc %s\n", __VERSION__);
#endif
	print_hardening();
	printf("libraries: libevent %s, %s, http-parser %lu.%lu.%lu, inih (%s)\n", event_get_version(),
	       OpenSSL_version(OPENSSL_VERSION), parser >> 16 & 255, parser >> 8 & 255, parser & 255, inih_name());
	return SP_EXIT_OK;
}

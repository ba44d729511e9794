#include "sp/cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "args.h"
#include "command.h"
#include "sp/base/str.h"
#include "sp/base/title.h"

static const struct command {
	const char *name, *flag; /* flag: the short form, or NULL */
	int (*run)(const struct sp_args *args); /* NULL: not in this build */
	unsigned args;
	const char *usage, *help; /* no help: no user's command */
} commands[] = {
	{ "run", NULL, sp_command_run, SP_ARG_CONFIG, "[-c FILE]",
	  "serve; FILE is " SP_CLI_DEFAULT_CONFIG " by default" },
	{ "check", "-t", sp_command_check, SP_ARG_CONFIG | SP_ARG_STRICT | SP_ARG_ONLINE, "[-c FILE] [--strict] [--online]",
	  "validate everything that run would, bind nothing; --strict: exit 3 on warnings; --online: ask the backends, too" },
	{ "config", "-T", sp_command_config, SP_ARG_CONFIG, "[-c FILE]",
	  "print the merged configuration with defaults and the origin of every value" },
	{ "explain", NULL, sp_command_explain, SP_ARG_CONFIG | SP_ARG_WHAT | SP_ARG_REQUEST | SP_ARG_JSON,
	  "[-c FILE] [--from IP] [--listener NAME] [-X METHOD] [-H 'Name: value']... [--json] URL",
	  "what would become of a request: each rule it meets, the verdict, the head that a backend would get" },
	{ "healthcheck", NULL, sp_command_healthcheck, SP_ARG_CONFIG, "[-c FILE]",
	  "0 if the local gateway answers its health path, else 1" },
	{ "status", NULL, sp_command_status, SP_ARG_CONFIG | SP_ARG_JSON, "[-c FILE] [--json]",
	  "the running gateway: generation, listeners, processes, sandbox in force" },
	{ "top", NULL, sp_command_top, SP_ARG_CONFIG | SP_ARG_TIMES, "[-c FILE] [--interval 1s] [--count N]",
	  "the same, live in the terminal, until q; in a pipe once, or N times" },
	{ "reload", NULL, sp_command_reload, SP_ARG_CONFIG | SP_ARG_CONFIRM, "[-c FILE] [--confirm 2m]",
	  "validate, print what changes, apply; --confirm: what was served returns unless confirmed in that time" },
	{ "confirm", NULL, sp_command_confirm, SP_ARG_CONFIG, "[-c FILE]", "keep a reload that was given --confirm" },
	{ "demo", NULL, sp_command_demo, 0, "",
	  "a gateway on 127.0.0.1:8443 (TLS) and :8080 with an origin behind it" },
	{ "drain", NULL, sp_command_drain, SP_ARG_CONFIG | SP_ARG_WHAT, "[BACKEND] [-c FILE]",
	  "give a backend (POOL/BACKEND, or its name alone) no new requests; without one: health is red, answers close" },
	{ "undrain", NULL, sp_command_undrain, SP_ARG_CONFIG | SP_ARG_WHAT, "[BACKEND] [-c FILE]",
	  "give it requests again; without one: health is green again" },
	{ "weight", NULL, sp_command_weight, SP_ARG_CONFIG | SP_ARG_WORDS, "BACKEND N|default [-c FILE]",
	  "change a backend's share of the requests, 0 to 256, until it is set again" },
	{ "ban", NULL, sp_command_ban, SP_ARG_CONFIG | SP_ARG_WORDS, "ADDRESS DURATION [REASON] [-c FILE]",
	  "refuse a client's connections and requests for so long; an IPv6 address stands for its /64" },
	{ "unban", NULL, sp_command_unban, SP_ARG_CONFIG | SP_ARG_WORDS, "ADDRESS [-c FILE]", "lift a ban" },
	{ "bans", NULL, sp_command_bans, SP_ARG_CONFIG | SP_ARG_JSON, "[--json] [-c FILE]",
	  "who is banned, until when, how often and by what" },
	{ "export", NULL, sp_command_export, SP_ARG_CONFIG | SP_ARG_WHAT, "WHAT [-c FILE]",
	  "print the network policy of the file; WHAT: nftables, security-group, systemd" },
	{ "version", "-V", sp_command_version, 0, "", "version, build options, library versions" },
	{ "reference", NULL, sp_command_reference, 0, "", "print the configuration reference (Markdown)" },
	{ "rehearse", NULL, sp_command_rehearse, SP_ARG_CONFIG, "[-c FILE]", NULL }, /* asked by a running gateway */
};

static bool is_listed(const struct command *c)
{
	return c->run != NULL && c->help != NULL;
}

static void print_usage(FILE *to)
{
	fputs("usage: sallyport COMMAND [OPTIONS]\n\n", to);
	for (size_t i = 0; i < SP_COUNT(commands); i++) {
		const struct command *c = &commands[i];

		if (is_listed(c))
			fprintf(to, "  %-11s %-21s %s%s%s%s\n", c->name, c->usage, c->help,
				c->flag != NULL ? " (also " : "", c->flag != NULL ? c->flag : "",
				c->flag != NULL ? ")" : "");
	}
	fputs("\nsallyport COMMAND --help tells of one. Exit codes: 0 fine, 1 refused or failed, 2 wrong usage,\n"
	      "3 check --strict found only warnings, 78 run refuses its configuration.\n",
	      to);
}

static void print_help(const struct command *c)
{
	printf("usage: sallyport %s%s%s\n\n%s\n", c->name, c->usage[0] != '\0' ? " " : "", c->usage,
	       c->help != NULL ? c->help : "asked by a running gateway alone");
	if (c->flag != NULL)
		printf("also: sallyport %s\n", c->flag);
}

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < SP_COUNT(commands); i++)
		if (strcmp(commands[i].name, name) == 0 ||
		    (commands[i].flag != NULL && strcmp(commands[i].flag, name) == 0))
			return &commands[i];
	return NULL;
}

static int refuse_unknown(const char *name)
{
	const char *best = NULL;
	unsigned least = 3;

	for (size_t i = 0; i < SP_COUNT(commands); i++) {
		unsigned d = sp_str_distance(sp_str(name), sp_str(commands[i].name), least);

		if (is_listed(&commands[i]) && d < least) {
			least = d;
			best = commands[i].name;
		}
	}
	if (best != NULL)
		fprintf(stderr, "sallyport: no command \"%.60s\"; did you mean \"%s\"?\n", name, best);
	else
		fprintf(stderr, "sallyport: no command \"%.60s\"; sallyport --help lists them\n", name);
	return SP_EXIT_USAGE;
}

static int run_command(const struct command *c, char **argv)
{
	struct sp_err err = { .text = "" };
	struct sp_args args;

	if (c->run == NULL) {
		fprintf(stderr, "sallyport %s: not in this build\n", c->name);
		return SP_EXIT_USAGE;
	}
	if (!sp_args_parse(argv, c->args, &args, &err)) {
		fprintf(stderr, "sallyport %s: %s\nusage: sallyport %s %s\n", c->name, err.text, c->name, c->usage);
		return SP_EXIT_USAGE;
	}
	if (args.wants_help) {
		print_help(c);
		return SP_EXIT_OK;
	}
	return c->run(&args);
}

int sp_cli_main(int argc, char **argv)
{
	const struct command *c;

	sp_title_keep(argc, argv);
	if (argc < 2) {
		print_usage(stderr);
		return SP_EXIT_USAGE;
	}
	if (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
		print_usage(stdout);
		return SP_EXIT_OK;
	}
	c = find(argv[1]);
	return c != NULL ? run_command(c, argv + 2) : refuse_unknown(argv[1]);
}

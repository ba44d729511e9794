#include "form.h"

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = sp_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool decode(struct sp_str from, char *room, size_t n, struct sp_str *value)
{
	size_t count = 0;

	for (size_t i = 0; i < from.n; i++) {
		char c = from.p[i] == '+' ? ' ' : from.p[i];

		if (count == n)
			return false;
		if (c == '%') {
			if (from.n - i < 3 || hex(from.p[i + 1]) < 0 || hex(from.p[i + 2]) < 0)
				return false;
			c = (char)(hex(from.p[i + 1]) * 16 + hex(from.p[i + 2]));
			i += 2;
		}
		room[count++] = c;
	}
	*value = sp_str_of(room, count);
	return true;
}

bool sp_form_find(struct sp_str body, const char *name, char *room, size_t n, struct sp_str *value)
{
	struct sp_str field, key;

	while (sp_str_split(&body, '&', &field)) {
		(void)sp_str_split(&field, '=', &key);
		if (sp_str_eq(key, sp_str(name)))
			return field.p != NULL && decode(field, room, n, value);
	}
	return false;
}

/*
 * value_place - countries and network operators, as [geo:NAME] names them.
 */
#include "value.h"

/* ISO 3166-1 alpha-2, officially assigned, and XK, which databases use for Kosovo. */
static const char codes[] =
	"ADAEAFAGAIALAMAOAQARASATAUAWAXAZBABBBDBEBFBGBHBIBJBLBMBNBOBQBRBSBTBVBWBYBZCACCCDCFCGCHCICKCLCMCNCOCRCUCVCWCXCYCZDEDJDKDMDODZ"
	"ECEEEGEHERESETFIFJFKFMFOFRGAGBGDGEGFGGGHGIGLGMGNGPGQGRGSGTGUGWGYHKHMHNHRHTHUIDIEILIMINIOIQIRISITJEJMJOJPKEKGKHKIKMKNKPKRKWKY"
	"KZLALBLCLILKLRLSLTLULVLYMAMCMDMEMFMGMHMKMLMMMNMOMPMQMRMSMTMUMVMWMXMYMZNANCNENFNGNINLNONPNRNUNZOMPAPEPFPGPHPKPLPMPNPRPSPTPWPY"
	"QARERORSRURWSASBSCSDSESGSHSISJSKSLSMSNSOSRSSSTSVSXSYSZTCTDTFTGTHTJTKTLTMTNTOTRTTTVTWTZUAUGUMUSUYUZVAVCVEVGVIVNVUWFWSXKYEYTZA"
	"ZMZW";

static bool is_assigned(uint16_t country)
{
	for (size_t i = 0; codes[i] != '\0'; i += 2)
		if (sp_geo_country(sp_str_of(codes + i, 2)) == country)
			return true;
	return false;
}

/* "AS64496", or the number alone. */
static bool parse_as(struct sp_str text, uint32_t *as)
{
	uint64_t number;

	if (text.n > 2 && sp_str_eq_nocase(sp_str_of(text.p, 2), SP_STR("as")))
		text = sp_str_of(text.p + 2, text.n - 2);
	if (!sp_str_u64(text, UINT32_MAX, &number) || number == 0)
		return false;
	*as = (uint32_t)number;
	return true;
}

bool sp_value_places(struct sp_value *v)
{
	struct sp_geo_place place = { .country = sp_geo_country(v->text) };
	struct sp_conf_place *item;

	if (place.country == 0 && !parse_as(v->text, &place.as))
		return sp_value_bad(v, "neither a country of two letters, as DE, nor an AS number, as AS64496");
	if (place.country != 0 && !is_assigned(place.country))
		return sp_value_bad(v, "no country has this code (ISO 3166)%s",
				    sp_str_eq_nocase(v->text, SP_STR("UK")) ? "; did you mean GB?" : "");
	item = sp_value_add(v, sizeof(*item));
	if (item == NULL)
		return false;
	*item = (struct sp_conf_place){ .place = place, .at = v->at };
	return true;
}

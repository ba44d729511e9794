/*
 * Request heads: what the start line, the fields and the limits may be. Bodies are in test_framing.c, targets and hosts
 * in test_target.c.
 */
#include "feed.h"

#define L(line) TEXT(line "\r\nHost: a\r\n\r\n")
#define H(fields) TEXT("GET / HTTP/1.1\r\nHost: a\r\n" fields "\r\n")
#define OLD(fields) TEXT("GET / HTTP/1.0\r\nHost: a\r\n" fields "\r\n")
#define OK SP_REFUSE_NONE

static const struct feed like = { .limits = FEED_LIMITS };

static const struct feed_case start_lines[] = {
	{ "plain", L("GET / HTTP/1.1"), OK },
	{ "1.0", L("GET / HTTP/1.0"), OK },
	{ "head", L("HEAD / HTTP/1.1"), OK },
	{ "post", L("POST / HTTP/1.1"), OK },
	{ "put", L("PUT / HTTP/1.1"), OK },
	{ "patch", L("PATCH / HTTP/1.1"), OK },
	{ "delete", L("DELETE / HTTP/1.1"), OK },
	{ "options", L("OPTIONS / HTTP/1.1"), OK },
	{ "options asterisk", L("OPTIONS * HTTP/1.1"), OK },
	{ "webdav", L("PROPFIND /dav/ HTTP/1.1"), OK },
	{ "mkcalendar", L("MKCALENDAR /c HTTP/1.1"), OK },
	{ "purge", L("PURGE /x HTTP/1.1"), OK },
	{ "an empty line before", L("\r\nGET / HTTP/1.1"), OK },
	{ "two empty lines before", L("\r\n\r\nGET / HTTP/1.1"), OK },
	{ "three empty lines before", L("\r\n\r\n\r\nGET / HTTP/1.1"), SP_REFUSE_START_LINE },
	{ "LF before", L("\nGET / HTTP/1.1"), SP_REFUSE_LINE_END },
	{ "CRLF LF before", L("\r\n\nGET / HTTP/1.1"), SP_REFUSE_LINE_END },
	{ "CR before", L("\rGET / HTTP/1.1"), SP_REFUSE_LINE_END },
	{ "CR CRLF before", L("\r\r\nGET / HTTP/1.1"), SP_REFUSE_LINE_END },
	{ "blank before", L(" GET / HTTP/1.1"), SP_REFUSE_METHOD },
	{ "tab before", L("\tGET / HTTP/1.1"), SP_REFUSE_METHOD },
	{ "blank line of blanks before", L("  \r\nGET / HTTP/1.1"), SP_REFUSE_METHOD },
	{ "NUL before", L("\0GET / HTTP/1.1"), SP_REFUSE_CONTROL },
	{ "byte order mark", L("\357\273\277GET / HTTP/1.1"), SP_REFUSE_METHOD },
	{ "TLS hello", TEXT("\026\003\001\002\000\001\000\001\374\003\003"), SP_REFUSE_CONTROL },
	{ "SSH", TEXT("SSH-2.0-OpenSSH_9.2\r\n"), SP_REFUSE_START_LINE },
	{ "SMTP", TEXT("EHLO x\r\n"), SP_REFUSE_START_LINE },
	{ "PROXY header", TEXT("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nGET / HTTP/1.1\r\n"), SP_REFUSE_START_LINE },
	{ "HTTP/2 preface", TEXT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), SP_REFUSE_PREFACE },
	{ "preface with another target", L("PRI / HTTP/2.0"), SP_REFUSE_VERSION },
	{ "PRI in 1.1", L("PRI * HTTP/1.1"), SP_REFUSE_METHOD_UNKNOWN },
	{ "0.9", TEXT("GET /\r\n"), SP_REFUSE_START_LINE },
	{ "0.9 with a head", L("GET /"), SP_REFUSE_START_LINE },
	{ "0.9 with a blank", L("GET / "), SP_REFUSE_START_LINE },
	{ "0.9 and bare LF", TEXT("POST /x\nHost: a\n\n"), SP_REFUSE_LINE_END },
	{ "method alone", L("GET"), SP_REFUSE_START_LINE },
	{ "method and blank", L("GET "), SP_REFUSE_START_LINE },
	{ "no method", L("/ HTTP/1.1"), SP_REFUSE_METHOD },
	{ "lower case method", L("get / HTTP/1.1"), SP_REFUSE_METHOD_UNKNOWN },
	{ "mixed case method", L("Get / HTTP/1.1"), SP_REFUSE_METHOD_UNKNOWN },
	{ "unknown method", L("BREW / HTTP/1.1"), SP_REFUSE_METHOD_UNKNOWN },
	{ "GETS", L("GETS / HTTP/1.1"), SP_REFUSE_METHOD_UNKNOWN },
	{ "GE", L("GE / HTTP/1.1"), SP_REFUSE_METHOD_UNKNOWN },
	{ "connect", L("CONNECT a:443 HTTP/1.1"), SP_REFUSE_METHOD_UNKNOWN },
	{ "connect with a path", L("CONNECT / HTTP/1.1"), SP_REFUSE_METHOD_UNKNOWN },
	{ "trace", L("TRACE / HTTP/1.1"), SP_REFUSE_METHOD_UNKNOWN },
	{ "track", L("TRACK / HTTP/1.1"), SP_REFUSE_METHOD_UNKNOWN },
	{ "icecast", L("SOURCE / ICE/1.0"), SP_REFUSE_START_LINE },
	{ "m-search", L("M-SEARCH * HTTP/1.1"), SP_REFUSE_METHOD_UNKNOWN },
	{ "all token bytes as a method", L("!#$%&'*+-.^_`|~09 / HTTP/1.1"), SP_REFUSE_METHOD_UNKNOWN },
	{ "colon in the method", L("GET: / HTTP/1.1"), SP_REFUSE_METHOD },
	{ "slash in the method", L("G/T / HTTP/1.1"), SP_REFUSE_METHOD },
	{ "quotes in the method", L("\"GET\" / HTTP/1.1"), SP_REFUSE_METHOD },
	{ "bracket in the method", L("G[ET / HTTP/1.1"), SP_REFUSE_METHOD },
	{ "high byte in the method", L("G\303\211T / HTTP/1.1"), SP_REFUSE_METHOD },
	{ "NUL in the method", L("G\0ET / HTTP/1.1"), SP_REFUSE_CONTROL },
	{ "CR in the method", L("G\rET / HTTP/1.1"), SP_REFUSE_START_LINE },
	{ "LF in the method", L("G\nET / HTTP/1.1"), SP_REFUSE_LINE_END },
	{ "method of 33", L("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA / HTTP/1.1"), SP_REFUSE_METHOD },
	{ "method of 32", L("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA / HTTP/1.1"), SP_REFUSE_METHOD_UNKNOWN },
	{ "two blanks behind the method", L("GET  / HTTP/1.1"), SP_REFUSE_START_LINE },
	{ "tab behind the method", L("GET\t/ HTTP/1.1"), SP_REFUSE_METHOD },
	{ "form feed behind the method", L("GET\f/ HTTP/1.1"), SP_REFUSE_CONTROL },
	{ "two blanks before the version", L("GET /  HTTP/1.1"), SP_REFUSE_START_LINE },
	{ "tab before the version", L("GET /\tHTTP/1.1"), SP_REFUSE_TARGET },
	{ "blank behind the version", L("GET / HTTP/1.1 "), SP_REFUSE_START_LINE },
	{ "tab behind the version", L("GET / HTTP/1.1\t"), SP_REFUSE_START_LINE },
	{ "a word behind the version", L("GET / HTTP/1.1 x"), SP_REFUSE_START_LINE },
	{ "a second target", L("GET / /b HTTP/1.1"), SP_REFUSE_START_LINE },
	{ "NUL behind the version", L("GET / HTTP/1.1\0"), SP_REFUSE_CONTROL },
	{ "high byte behind the version", L("GET / HTTP/1.1\240"), SP_REFUSE_START_LINE },
	{ "no blank before the version", L("GET /HTTP/1.1"), SP_REFUSE_START_LINE },
	{ "lower case version", L("GET / http/1.1"), SP_REFUSE_START_LINE },
	{ "mixed case version", L("GET / Http/1.1"), SP_REFUSE_START_LINE },
	{ "HTTPS/1.1", L("GET / HTTPS/1.1"), SP_REFUSE_START_LINE },
	{ "HTTP 1.1", L("GET / HTTP 1.1"), SP_REFUSE_START_LINE },
	{ "HTTP/", L("GET / HTTP/"), SP_REFUSE_START_LINE },
	{ "HTTP/x", L("GET / HTTP/x.1"), SP_REFUSE_START_LINE },
	{ "HTTP/-1.1", L("GET / HTTP/-1.1"), SP_REFUSE_START_LINE },
	{ "HTTP/.1", L("GET / HTTP/.1"), SP_REFUSE_START_LINE },
	{ "HTTP/1", L("GET / HTTP/1"), SP_REFUSE_VERSION },
	{ "HTTP/1.", L("GET / HTTP/1."), SP_REFUSE_VERSION },
	{ "HTTP/1.x", L("GET / HTTP/1.x"), SP_REFUSE_VERSION },
	{ "HTTP/1.2", L("GET / HTTP/1.2"), SP_REFUSE_VERSION },
	{ "HTTP/1.9", L("GET / HTTP/1.9"), SP_REFUSE_VERSION },
	{ "HTTP/1.10", L("GET / HTTP/1.10"), SP_REFUSE_VERSION },
	{ "HTTP/1.01", L("GET / HTTP/1.01"), SP_REFUSE_VERSION },
	{ "HTTP/01.1", L("GET / HTTP/01.1"), SP_REFUSE_VERSION },
	{ "HTTP/11.1", L("GET / HTTP/11.1"), SP_REFUSE_VERSION },
	{ "HTTP/1.1.1", L("GET / HTTP/1.1.1"), SP_REFUSE_VERSION },
	{ "HTTP/1,1", L("GET / HTTP/1,1"), SP_REFUSE_VERSION },
	{ "HTTP/0.9", L("GET / HTTP/0.9"), SP_REFUSE_VERSION },
	{ "HTTP/0.0", L("GET / HTTP/0.0"), SP_REFUSE_VERSION },
	{ "HTTP/2.0", L("GET / HTTP/2.0"), SP_REFUSE_VERSION },
	{ "HTTP/2", L("GET / HTTP/2"), SP_REFUSE_VERSION },
	{ "HTTP/3.0", L("GET / HTTP/3.0"), SP_REFUSE_VERSION },
	{ "HTTP/9.9", L("GET / HTTP/9.9"), SP_REFUSE_VERSION },
	{ "version too long", L("GET / HTTP/1.1111111111"), SP_REFUSE_START_LINE },
	{ "LF ends the request line", TEXT("GET / HTTP/1.1\nHost: a\r\n\r\n"), SP_REFUSE_LINE_END },
	{ "CR ends the request line", TEXT("GET / HTTP/1.1\rHost: a\r\n\r\n"), SP_REFUSE_LINE_END },
	{ "CR CR LF ends the request line", TEXT("GET / HTTP/1.1\r\r\nHost: a\r\n\r\n"), SP_REFUSE_LINE_END },
	{ "LF everywhere", TEXT("GET / HTTP/1.1\nHost: a\n\n"), SP_REFUSE_LINE_END },
	{ "CR in the version", L("GET / HTT\rP/1.1"), SP_REFUSE_START_LINE },
	{ "LF in the version", L("GET / HTT\nP/1.1"), SP_REFUSE_LINE_END },
	{ "an answer", TEXT("HTTP/1.1 200 OK\r\nHost: a\r\n\r\n"), SP_REFUSE_METHOD },
	{ "fold behind the request line", TEXT("GET / HTTP/1.1\r\n Host: a\r\n\r\n"), SP_REFUSE_FOLD },
	{ "tab fold behind the request line", TEXT("GET / HTTP/1.1\r\n\tx\r\nHost: a\r\n\r\n"), SP_REFUSE_FOLD },
};

static const struct feed_case fields[] = {
	{ "none but Host", H(""), OK },
	{ "no blank", H("X:y\r\n"), OK },
	{ "many blanks", H("X:   y   \r\n"), OK },
	{ "tabs", H("X:\ty\t\r\n"), OK },
	{ "blanks inside", H("X: a  b\tc\r\n"), OK },
	{ "empty", H("X:\r\n"), OK },
	{ "only blanks", H("X: \t \r\n"), OK },
	{ "name of one byte", H("x: 1\r\n"), OK },
	{ "digits as a name", H("123: 1\r\n"), OK },
	{ "all token bytes", H("!#$%&'*+-.^`|~09azAZ: 1\r\n"), OK },
	{ "all token bytes, dropped for _", H("!#$%&'*+-.^_`|~09azAZ: 1\r\n"), OK },
	{ "colons in the value", H("X: :a:b::\r\n"), OK },
	{ "value begins with a colon", H("X::\r\n"), OK },
	{ "all visible bytes", H("X: !\"#$%&'()*+,-./0:;<=>?@AZ[\\]^_`az{|}~\r\n"), OK },
	{ "obs-text", H("X: gr\303\274n \377\200\r\n"), OK },
	{ "the same name twice", H("X: 1\r\nX: 2\r\nx: 3\r\n"), OK },
	{ "cookie", H("Cookie: a=b; c=\"d e\"\r\n"), OK },
	{ "two cookies", H("Cookie: a=b\r\nCookie: c=d\r\n"), OK },
	{ "authorization", H("Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"), OK },
	{ "user agent with parens", H("User-Agent: Mozilla/5.0 (X11; Linux x86_64) (KHTML, like Gecko)\r\n"), OK },
	{ "odd case names", H("aCCEPT: */*\r\ncOnNeCtIoN: kEeP-aLiVe\r\n"), OK },
	{ "range", H("Range: bytes=0-0,-1\r\n"), OK },
	{ "if-none-match", H("If-None-Match: W/\"a\", \"b\"\r\n"), OK },
	{ "X-Forwarded-For", H("X-Forwarded-For: 1.2.3.4\r\n"), OK },
	{ "dot in a name", H("x.custom.name: 1\r\n"), OK },
	{ "eight byte value", H("X: 12345678\r\n"), OK },
	{ "tab as byte eight", H("X: 1234567\t12345678\r\n"), OK },
	{ "tabs between", H("X: a\tb\tc\td\te\tf\tg\th\ti\tj\r\n"), OK },

	{ "two authorizations", H("Authorization: Basic YQ==\r\nAuthorization: Basic Yg==\r\n"),
	  SP_REFUSE_FIELD_VALUE },
	{ "two equal authorizations", H("Authorization: a\r\nX: y\r\nauthorization: a\r\n"), SP_REFUSE_FIELD_VALUE },
	{ "two content types", H("Content-Type: text/plain\r\nContent-Type: text/html\r\n"), SP_REFUSE_FIELD_VALUE },
	{ "two origins", H("Origin: https://a\r\nOrigin: https://b\r\n"), SP_REFUSE_FIELD_VALUE },
	{ "two websocket keys", H("Sec-WebSocket-Key: a\r\nSec-WebSocket-Key: b\r\n"), SP_REFUSE_FIELD_VALUE },
	{ "two accepts", H("Accept: a/b\r\nAccept: c/d\r\n"), OK },
	{ "blank before the colon", H("X : y\r\n"), SP_REFUSE_FIELD_NAME },
	{ "tab before the colon", H("X\t: y\r\n"), SP_REFUSE_FIELD_NAME },
	{ "Host blank colon", TEXT("GET / HTTP/1.1\r\nHost : a\r\n\r\n"), SP_REFUSE_FIELD_NAME },
	{ "blank in a name", H("X Y: z\r\n"), SP_REFUSE_FIELD_NAME },
	{ "no colon", H("X\r\n"), SP_REFUSE_FIELD_NAME },
	{ "no colon, a blank", H("X y\r\n"), SP_REFUSE_FIELD_NAME },
	{ "no colon, bare LF", H("X\n"), SP_REFUSE_LINE_END },
	{ "no colon, bare CR", H("X\rY: z\r\n"), SP_REFUSE_LINE_END },
	{ "empty name", H(": y\r\n"), SP_REFUSE_FIELD_NAME },
	{ "colon alone", H(":\r\n"), SP_REFUSE_FIELD_NAME },
	{ "parens in a name", H("X(y): z\r\n"), SP_REFUSE_FIELD_NAME },
	{ "comma in a name", H("X,y: z\r\n"), SP_REFUSE_FIELD_NAME },
	{ "semicolon in a name", H("X;y: z\r\n"), SP_REFUSE_FIELD_NAME },
	{ "slash in a name", H("X/y: z\r\n"), SP_REFUSE_FIELD_NAME },
	{ "backslash in a name", H("X\\y: z\r\n"), SP_REFUSE_FIELD_NAME },
	{ "at in a name", H("X@y: z\r\n"), SP_REFUSE_FIELD_NAME },
	{ "equals in a name", H("X=y: z\r\n"), SP_REFUSE_FIELD_NAME },
	{ "braces in a name", H("{X}: z\r\n"), SP_REFUSE_FIELD_NAME },
	{ "bracket in a name", H("[X]: z\r\n"), SP_REFUSE_FIELD_NAME },
	{ "quote in a name", H("\"X\": z\r\n"), SP_REFUSE_FIELD_NAME },
	{ "angle in a name", H("<X>: z\r\n"), SP_REFUSE_FIELD_NAME },
	{ "question mark in a name", H("X?: z\r\n"), SP_REFUSE_FIELD_NAME },
	{ "high byte in a name", H("X\344: z\r\n"), SP_REFUSE_FIELD_NAME },
	{ "UTF-8 in a name", H("\303\204: z\r\n"), SP_REFUSE_FIELD_NAME },
	{ "no-break space before the colon", H("Host\240: b\r\n"), SP_REFUSE_FIELD_NAME },
	{ "NUL in a name", H("X\0y: z\r\n"), SP_REFUSE_CONTROL },
	{ "DEL in a name", H("X\177y: z\r\n"), SP_REFUSE_CONTROL },
	{ "VT before the colon", H("X\v: z\r\n"), SP_REFUSE_CONTROL },
	{ "NUL in a value", H("X: a\0b\r\n"), SP_REFUSE_CONTROL },
	{ "NUL ends a value", H("X: a\0\r\n"), SP_REFUSE_CONTROL },
	{ "0x01 in a value", H("X: a\001b\r\n"), SP_REFUSE_CONTROL },
	{ "DEL in a value", H("X: a\177b\r\n"), SP_REFUSE_CONTROL },
	{ "ESC in a value", H("X: \033[2J\r\n"), SP_REFUSE_CONTROL },
	{ "VT in a value", H("X: a\vb\r\n"), SP_REFUSE_CONTROL },
	{ "FF begins a value", H("X:\fb\r\n"), SP_REFUSE_CONTROL },
	{ "control in byte eight", H("X: 1234567\001\r\n"), SP_REFUSE_CONTROL },
	{ "control in byte nine", H("X: 12345678\001\r\n"), SP_REFUSE_CONTROL },
	{ "control behind obs-text", H("X: \377\377\377\377\377\377\001\r\n"), SP_REFUSE_CONTROL },
	{ "DEL behind obs-text", H("X: \377\377\377\377\377\377\377\377\177\r\n"), SP_REFUSE_CONTROL },
	{ "bare LF in a value", H("X: a\nY: b\r\n"), SP_REFUSE_LINE_END },
	{ "bare CR in a value", H("X: a\rY: b\r\n"), SP_REFUSE_LINE_END },
	{ "CR CR LF ends a value", H("X: a\r\r\n"), SP_REFUSE_LINE_END },
	{ "bare LF ends the last field", TEXT("GET / HTTP/1.1\r\nHost: a\n\r\n"), SP_REFUSE_LINE_END },
	{ "LF CR ends the last field", TEXT("GET / HTTP/1.1\r\nHost: a\n\r"), SP_REFUSE_LINE_END },
	{ "bare LF ends the head", TEXT("GET / HTTP/1.1\r\nHost: a\r\n\n"), SP_REFUSE_LINE_END },
	{ "bare CR ends the head", TEXT("GET / HTTP/1.1\r\nHost: a\r\n\rX"), SP_REFUSE_LINE_END },
	{ "CR CR LF ends the head", TEXT("GET / HTTP/1.1\r\nHost: a\r\n\r\r\n"), SP_REFUSE_LINE_END },
	{ "X: CR T", H("X:\rTransfer-Encoding: chunked\r\n"), SP_REFUSE_LINE_END },
	{ "X: blank CR T", H("X: \rTransfer-Encoding: chunked\r\n"), SP_REFUSE_LINE_END },
	{ "LF behind the colon", H("X:\n y\r\n"), SP_REFUSE_LINE_END },
	{ "fold", H("X: a\r\n b\r\n"), SP_REFUSE_FOLD },
	{ "fold with a tab", H("X: a\r\n\tb\r\n"), SP_REFUSE_FOLD },
	{ "fold of an empty value", H("X:\r\n b\r\n"), SP_REFUSE_FOLD },
	{ "fold that looks like a field", H("X: a\r\n Y: b\r\n"), SP_REFUSE_FOLD },
	{ "line of blanks", H("  \r\n"), SP_REFUSE_FOLD },
	{ "NUL begins a line", H("\0X: y\r\n"), SP_REFUSE_CONTROL },
	{ "VT begins a line", H("\vX: y\r\n"), SP_REFUSE_CONTROL },

	{ "dot for dash in Content-Length", H("Content.Length: 5\r\n"), SP_REFUSE_FIELD_NAME },
	{ "tilde for dash in X-Forwarded-For", H("X-Forwarded~For: 5\r\n"), SP_REFUSE_FIELD_NAME },
	{ "quote for dash in an unknown X-Forwarded", H("X'Forwarded-Foo: 5\r\n"), SP_REFUSE_FIELD_NAME },
	{ "bar for dash in Transfer-Encoding", H("Transfer|Encoding: chunked\r\n"), SP_REFUSE_FIELD_NAME },

	{ "no Host", TEXT("GET / HTTP/1.1\r\n\r\n"), SP_REFUSE_HOST },
	{ "no Host in 1.0", TEXT("GET / HTTP/1.0\r\n\r\n"), SP_REFUSE_HOST },
	{ "no Host, absolute", TEXT("GET http://a/ HTTP/1.1\r\n\r\n"), SP_REFUSE_HOST },
	{ "two Hosts", H("Host: b\r\n"), SP_REFUSE_HOST },
	{ "two equal Hosts", H("Host: a\r\n"), SP_REFUSE_HOST },
	{ "two Hosts in other case", H("hOST: a\r\n"), SP_REFUSE_HOST },
	{ "a second Host far away", H("A: 1\r\nB: 2\r\nC: 3\r\nHOST: a\r\n"), SP_REFUSE_HOST },
	{ "second Host empty", H("Host:\r\n"), SP_REFUSE_HOST },

	{ "expect 100-continue", H("Expect: 100-continue\r\n"), OK },
	{ "expect in other case", H("Expect: 100-Continue\r\n"), OK },
	{ "expect something else", H("Expect: 200-ok\r\n"), SP_REFUSE_EXPECT },
	{ "expect nothing", H("Expect:\r\n"), SP_REFUSE_EXPECT },
	{ "expect two", H("Expect: 100-continue, x\r\n"), SP_REFUSE_EXPECT },
	{ "expect twice", H("Expect: 100-continue\r\nExpect: 100-continue\r\n"), SP_REFUSE_EXPECT },
	{ "expect with a parameter", H("Expect: 100-continue;q=1\r\n"), SP_REFUSE_EXPECT },
	{ "expect in 1.0", OLD("Expect: 100-continue\r\n"), OK },

	{ "connection close", H("Connection: close\r\n"), OK },
	{ "connection list", H("Connection: keep-alive, close\r\n"), OK },
	{ "connection twice", H("Connection: keep-alive\r\nConnection: X-A\r\n"), OK },
	{ "connection empty", H("Connection:\r\n"), OK },
	{ "connection empty items", H("Connection: , ,close,\r\n"), OK },
	{ "connection TE", H("Connection: TE\r\nTE: trailers\r\n"), OK },
	{ "connection keep-alive field", H("Connection: Keep-Alive\r\nKeep-Alive: timeout=5\r\n"), OK },
	{ "connection unknown field", H("Connection: X-Hop\r\nX-Hop: 1\r\n"), OK },
	{ "connection unknown, absent", H("Connection: X-Hop\r\n"), OK },
	{ "connection Proxy-Authorization", H("Connection: Proxy-Authorization\r\n"), OK },
	{ "connection Host", H("Connection: Host\r\n"), SP_REFUSE_CONNECTION },
	{ "connection close, Host", H("Connection: close, host\r\n"), SP_REFUSE_CONNECTION },
	{ "connection Content-Length", H("Connection: content-length\r\n"), SP_REFUSE_CONNECTION },
	{ "connection Transfer-Encoding", H("Connection: Transfer-Encoding\r\n"), SP_REFUSE_CONNECTION },
	{ "connection X-Forwarded-For", H("Connection: close, X-Forwarded-For\r\n"), SP_REFUSE_CONNECTION },
	{ "connection unknown X-Forwarded", H("Connection: X-Forwarded-Tls\r\n"), SP_REFUSE_CONNECTION },
	{ "connection X-Real-IP", H("Connection: x-real-ip\r\n"), SP_REFUSE_CONNECTION },
	{ "connection Forwarded", H("Connection: Forwarded\r\n"), SP_REFUSE_CONNECTION },
	{ "connection Via", H("Connection: Via\r\n"), SP_REFUSE_CONNECTION },
	{ "connection Cookie", H("Connection: Cookie\r\n"), SP_REFUSE_CONNECTION },
	{ "connection Authorization", H("Connection: Authorization\r\n"), SP_REFUSE_CONNECTION },
	{ "connection Content-Type", H("Connection: Content-Type\r\n"), SP_REFUSE_CONNECTION },
	{ "connection Cache-Control", H("Connection: Cache-Control\r\n"), SP_REFUSE_CONNECTION },
	{ "connection Range", H("Connection: range\r\n"), SP_REFUSE_CONNECTION },
	{ "connection Expect", H("Connection: expect\r\n"), SP_REFUSE_CONNECTION },
	{ "connection X_Forwarded_For", H("Connection: X_Forwarded_For\r\n"), SP_REFUSE_CONNECTION },
	{ "connection in the second line", H("Connection: close\r\nConnection: Host\r\n"), SP_REFUSE_CONNECTION },
	{ "connection no token", H("Connection: a b\r\n"), SP_REFUSE_CONNECTION },
	{ "connection quoted", H("Connection: \"close\"\r\n"), SP_REFUSE_CONNECTION },
	{ "connection semicolon", H("Connection: close; x\r\n"), SP_REFUSE_CONNECTION },
	{ "connection obs-text", H("Connection: cl\303\266se\r\n"), SP_REFUSE_CONNECTION },
	{ "connection of 33", H("Connection: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,y,z,a,b,c,d,e,f,g\r\n"),
	  SP_REFUSE_CONNECTION },
	{ "connection of 32", H("Connection: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,y,z,a,b,c,d,e,f\r\n"),
	  OK },

	{ "websocket", H("Connection: Upgrade\r\nUpgrade: websocket\r\n"), OK },
	{ "websocket with keep-alive", H("Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"), OK },
	{ "h2c", H("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"), OK },
	{ "upgrade list", H("Connection: upgrade\r\nUpgrade: h2c, IRC/6.9\r\n"), OK },
	{ "upgrade without connection", H("Upgrade: websocket\r\n"), OK },
	{ "connection upgrade without upgrade", H("Connection: upgrade\r\n"), OK },
	{ "upgrade in 1.0", OLD("Connection: upgrade\r\nUpgrade: websocket\r\n"), OK },
	{ "upgrade twice", H("Connection: upgrade\r\nUpgrade: a\r\nUpgrade: b\r\n"), OK },
	{ "upgrade empty", H("Connection: upgrade\r\nUpgrade:\r\n"), SP_REFUSE_UPGRADE },
	{ "upgrade no token", H("Connection: upgrade\r\nUpgrade: web socket\r\n"), SP_REFUSE_UPGRADE },
	{ "upgrade version no token", H("Connection: upgrade\r\nUpgrade: a/b/c\r\n"), SP_REFUSE_UPGRADE },
	{ "upgrade without a name", H("Connection: upgrade\r\nUpgrade: /1\r\n"), SP_REFUSE_UPGRADE },
	{ "upgrade without a version", H("Connection: upgrade\r\nUpgrade: a/\r\n"), SP_REFUSE_UPGRADE },
	{ "Proxy-Connection upgrade", H("Proxy-Connection: upgrade\r\nUpgrade: x\r\n"), SP_REFUSE_SECOND_OPINION },
	{ "upgrade and a tab", H("Connection: upgrade\t\r\nUpgrade: x\r\n"), OK },
	{ "upgrade behind empty items", H("Connection: ,, upgrade\r\nUpgrade: x\r\n"), OK },
};

static void test_start_lines(void **state)
{
	(void)state;
	feed_cases(&like, start_lines, SP_COUNT(start_lines));
}

static void test_fields(void **state)
{
	(void)state;
	feed_cases(&like, fields, SP_COUNT(fields));
}

/* Every byte at a place: `allowed` says which are read, all others are refused. */
static void sweep(const char *before, const char *after, const char *allowed, bool is_high_allowed)
{
	char text[256];

	for (int b = 0; b < 256; b++) {
		size_t n = strlen(before);
		bool want = b >= 0x80 ? is_high_allowed : b != 0 && strchr(allowed, b) != NULL;
		struct feed f;

		memcpy(text, before, n);
		text[n] = (char)b;
		memcpy(text + n + 1, after, strlen(after));
		feed_all_ways(&f, &like, sp_str_of(text, n + 1 + strlen(after)));
		if ((f.rc == SP_H1_HEAD) != want)
			fail_msg("%s <%02x> %s: rc %d, %s", before, b, after, f.rc, sp_refuse_word(f.reader.why));
		feed_fini(&f);
	}
}

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

static void test_every_byte_everywhere(void **state)
{
	static const char rest[] = " HTTP/1.1\r\nHost: a\r\n\r\n";

	(void)state;
	sweep("GE", "T / HTTP/1.1\r\nHost: a\r\n\r\n", "", false);
	sweep("GET /a", rest, LETTERS "-._~!$&'()*+,;=:@/?[]", false);
	sweep("GET /?a", rest, LETTERS "-._~!$&'()*+,;=:@/?[]", false);
	sweep("GET / HTTP/1.", "\r\nHost: a\r\n\r\n", "01", false);
	sweep("GET / HTTP/1.1\r\nHost: a\r\nX", "y: z\r\n\r\n", LETTERS "!#$%&'*+-.^_`|~:", false);
	sweep("GET / HTTP/1.1\r\nHost: a\r\nX:", "y\r\n\r\n", LETTERS "\t !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", true);
	sweep("GET / HTTP/1.1\r\nHost: a\r\nX: 0123456789", "abcdefghi\r\n\r\n",
	      LETTERS "\t !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", true);
	sweep("GET / HTTP/1.1\r\nHost: a", "b\r\n\r\n", LETTERS "-_.", false);
	sweep("GET / HTTP/1.1\r\nHost: a\r\n", "X: y\r\n\r\n", LETTERS "!#$%&'*+-.^_`|~", false);
	sweep("GET / HTTP/1.1\r\nHost: a\r\n\r", "", "\n", false);
	sweep("", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "", false);
}

static void test_underscores(void **state)
{
	static const struct feed_case reject[] = {
		{ "rejected", H("X_Y: 1\r\n"), SP_REFUSE_UNDERSCORE },
		{ "without one", H("X-Y: 1\r\n"), OK },
	};
	static const struct feed_case pass[] = {
		{ "passed", H("X_Y: 1\r\n"), OK },
		{ "not as an alias", H("Content_Length: 1\r\n"), SP_REFUSE_UNDERSCORE },
		{ "not as a forwarding field", H("X_Forwarded_For: 1\r\n"), SP_REFUSE_UNDERSCORE },
	};
	struct feed one = like, f;

	(void)state;
	one.limits.underscore = SP_NAME_UNDERSCORE_REJECT;
	feed_cases(&one, reject, SP_COUNT(reject));
	one.limits.underscore = SP_NAME_UNDERSCORE_PASS;
	feed_cases(&one, pass, SP_COUNT(pass));
	feed_all_ways(&f, &like, (struct sp_str)H("X_Y: 1\r\nContent_Length: 5\r\n"));
	assert_int_equal(f.rc, SP_H1_HEAD);
	assert_null(sp_head_find_name(&f.head, SP_STR("X_Y")));
	assert_null(sp_head_find_name(&f.head, SP_STR("Content_Length")));
	assert_int_equal(f.head.framing, SP_BODY_NONE);
	feed_fini(&f);
}

static void test_what_a_head_says(void **state)
{
	static const char text[] =
		"\r\nPOST /a?b HTTP/1.1\r\nHost: EXAMPLE.com.:81\r\nConnection: close, X-A, upgrade\r\n"
		"Upgrade: websocket\r\nExpect: 100-continue\r\nContent-Length: 007\r\nX-A:  v \r\n\r\nbody";
	struct feed f;
	struct sp_str all = sp_str_of(text, sizeof(text) - 1);

	(void)state;
	feed_all_ways(&f, &like, all);
	assert_int_equal(f.rc, SP_H1_HEAD);
	assert_int_equal(f.used, all.n - 4);
	assert_int_equal(f.head.bytes, all.n - 4);
	assert_int_equal(f.head.method, SP_M_POST);
	feed_same_str(f.head.method_text, SP_STR("POST"));
	feed_same_str(f.head.target, SP_STR("/a?b"));
	feed_same_str(f.head.path, SP_STR("/a"));
	feed_same_str(f.head.query, SP_STR("?b"));
	feed_same_str(f.head.host, SP_STR("example.com"));
	feed_same_str(f.head.host_text, SP_STR("EXAMPLE.com.:81"));
	assert_int_equal(f.head.port, 81);
	assert_int_equal(f.head.framing, SP_BODY_LENGTH);
	assert_int_equal(f.head.length, 7);
	assert_true(f.head.has_length && f.head.expects_continue && f.head.has_upgrade && f.head.has_connection_names);
	assert_false(f.head.is_keep_alive);
	feed_same_str(f.head.upgrade, SP_STR("websocket"));
	feed_same_str(sp_head_find_name(&f.head, SP_STR("x-a"))->value, SP_STR("v"));
	feed_fini(&f);
}

static void keep_alive(struct sp_str text, bool want)
{
	struct feed f;

	feed_all_ways(&f, &like, text);
	assert_int_equal(f.rc, SP_H1_HEAD);
	assert_int_equal(f.head.is_keep_alive, want);
	feed_fini(&f);
}

static void test_keep_alive(void **state)
{
	(void)state;
	keep_alive((struct sp_str)H(""), true);
	keep_alive((struct sp_str)H("Connection: close\r\n"), false);
	keep_alive((struct sp_str)H("Connection: x, CLOSE\r\n"), false);
	keep_alive((struct sp_str)H("Connection: keep-alive, close\r\n"), false);
	keep_alive((struct sp_str)H("Connection: keep-alive\r\nConnection: close\r\n"), false);
	keep_alive((struct sp_str)H("Connection: not-close\r\n"), true);
	keep_alive((struct sp_str)OLD(""), false);
	keep_alive((struct sp_str)OLD("Connection: keep-alive\r\n"), true);
	keep_alive((struct sp_str)OLD("Connection: keep-alive, close\r\n"), false);
}

/* A head of exactly `n` bytes: GET /ppp and a field of the rest. */
static char *make_head(size_t n, size_t target, size_t count)
{
	char *text = malloc(n + 1), *at = text;

	assert_non_null(text);
	at += sprintf(at, "GET /");
	memset(at, 'p', target - 1);
	at += target - 1;
	at += sprintf(at, " HTTP/1.1\r\nHost: a\r\n");
	for (size_t i = 2; i < count; i++)
		at += sprintf(at, "a:\r\n");
	at += sprintf(at, "X: ");
	assert_true(at + 4 <= text + n);
	memset(at, 'v', (size_t)(text + n - at) - 4);
	memcpy(text + n - 4, "\r\n\r\n", 4);
	return text;
}

static void limit(size_t n, size_t target, size_t count, enum sp_refuse want)
{
	struct feed one = like;
	char *text = make_head(n, target, count);
	struct feed_case c = { "limit", sp_str_of(text, n), want };

	one.limits.head_max = 1024;
	one.limits.target_max = 256;
	one.limits.field_max = 20;
	feed_case(&one, &c);
	free(text);
}

static void test_limits(void **state)
{
	(void)state;
	limit(1024, 10, 2, OK);
	limit(1025, 10, 2, SP_REFUSE_HEAD_TOO_LARGE);
	limit(1026, 10, 2, SP_REFUSE_HEAD_TOO_LARGE);
	limit(1027, 10, 2, SP_REFUSE_HEAD_TOO_LARGE);
	limit(1028, 10, 2, SP_REFUSE_HEAD_TOO_LARGE);
	limit(1029, 10, 2, SP_REFUSE_HEAD_TOO_LARGE);
	limit(4000, 10, 2, SP_REFUSE_HEAD_TOO_LARGE);
	limit(600, 256, 2, OK);
	limit(600, 257, 2, SP_REFUSE_TARGET_TOO_LONG);
	limit(4000, 3000, 2, SP_REFUSE_TARGET_TOO_LONG);
	limit(600, 10, 20, OK);
	limit(600, 10, 21, SP_REFUSE_TOO_MANY_FIELDS);
	limit(900, 10, 100, SP_REFUSE_TOO_MANY_FIELDS);
}

static void name_of(size_t n, enum sp_refuse want)
{
	char text[512];
	size_t at = (size_t)sprintf(text, "GET / HTTP/1.1\r\nHost: a\r\n");
	struct feed_case c = { "name", { text, 0 }, want };

	memset(text + at, 'n', n);
	at += n;
	at += (size_t)sprintf(text + at, ": 1\r\n\r\n");
	c.head.n = at;
	feed_case(&like, &c);
}

static void test_name_limit(void **state)
{
	(void)state;
	name_of(127, OK);
	name_of(128, OK);
	name_of(129, SP_REFUSE_FIELD_NAME);
	name_of(300, SP_REFUSE_FIELD_NAME);
}

/* Head bombs: what is refused has not cost more than the limits allow. */
static void test_bombs_stay_small(void **state)
{
	static char text[200000];
	size_t at = (size_t)sprintf(text, "GET / HTTP/1.1\r\nHost: a\r\n");
	struct feed f;

	(void)state;
	while (at + 4 < sizeof(text))
		at += (size_t)sprintf(text + at, "a:\r\n");
	feed_init(&f, &like, at);
	feed_to(&f, sp_str_of(text, at), at);
	assert_int_equal(f.reader.why, SP_REFUSE_TOO_MANY_FIELDS);
	assert_in_range(f.arena.used, 1, 100 * 4 * sizeof(struct sp_field));
	feed_fini(&f);

	at = (size_t)sprintf(text, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
	memset(text + at, 'x', sizeof(text) - at);
	feed_init(&f, &like, sizeof(text));
	feed_to(&f, sp_str_of(text, sizeof(text)), sizeof(text));
	assert_int_equal(f.reader.why, SP_REFUSE_HEAD_TOO_LARGE);
	assert_int_equal(f.reader.seen, like.limits.head_max);
	assert_in_range(f.arena.used, 1, 32 * sizeof(struct sp_field));
	feed_fini(&f);
}

static void test_no_memory(void **state)
{
	static const char text[] = "GET /%41 HTTP/1.1\r\nHost: A\r\nX: 1\r\n\r\n";
	bool was_refused = false, was_read = false;

	(void)state;
	for (size_t room = 1; room < 2048; room += 8) {
		struct feed f;

		feed_init(&f, &like, sizeof(text) - 1);
		f.arena.limit = room;
		feed_to(&f, sp_str(text), sizeof(text) - 1);
		if (f.rc == SP_H1_REFUSED)
			assert_int_equal(f.reader.why, SP_REFUSE_MEMORY);
		was_refused |= f.rc == SP_H1_REFUSED;
		was_read |= f.rc == SP_H1_HEAD;
		feed_fini(&f);
	}
	assert_true(was_refused && was_read);
}

static void test_reading_starts_over_when_bytes_move(void **state)
{
	static const char text[] = "GET /a HTTP/1.1\r\nHost: a\r\nX: 1\r\n\r\n";
	struct feed f;

	(void)state;
	for (size_t cut = 1; cut < sizeof(text) - 1; cut++) {
		char *moved = malloc(sizeof(text) - 1);

		assert_non_null(moved);
		feed_init(&f, &like, sizeof(text) - 1);
		feed_to(&f, sp_str(text), cut);
		assert_int_equal(f.rc, SP_H1_MORE);
		free(f.bytes);
		f.bytes = moved;
		sp_h1_reader_init(&f.reader, &f.limits, &f.arena);
		feed_to(&f, sp_str(text), sizeof(text) - 1);
		assert_int_equal(f.rc, SP_H1_HEAD);
		assert_int_equal(f.head.field_count, 2);
		feed_same_str(f.head.path, SP_STR("/a"));
		feed_fini(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_start_lines),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_every_byte_everywhere),
		cmocka_unit_test(test_underscores),
		cmocka_unit_test(test_what_a_head_says),
		cmocka_unit_test(test_keep_alive),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_name_limit),
		cmocka_unit_test(test_bombs_stay_small),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_reading_starts_over_when_bytes_move),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

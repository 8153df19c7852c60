/* gs1_table.c - see gs1_ai.h */
#include "dray/gs1_ai.h"

#include <string.h>

#define FIXED GS1_FIXED
#define QUERY GS1_ATTRIBUTE

/* clang-format off */
/* Parts: of exactly so many characters, of one up to so many (V); those that may be absent (O). */
#define N(n_, ...) { 'N', (n_), (n_), false, { __VA_ARGS__ } }
#define X(n_, ...) { 'X', (n_), (n_), false, { __VA_ARGS__ } }
#define NV(n_, ...) { 'N', 1, (n_), false, { __VA_ARGS__ } }
#define XV(n_, ...) { 'X', 1, (n_), false, { __VA_ARGS__ } }
#define YV(n_, ...) { 'Y', 1, (n_), false, { __VA_ARGS__ } }
#define ZV(n_, ...) { 'Z', 1, (n_), false, { __VA_ARGS__ } }
#define ON(n_, ...) { 'N', (n_), (n_), true, { __VA_ARGS__ } }
#define OX(n_, ...) { 'X', (n_), (n_), true, { __VA_ARGS__ } }
#define ONV(n_, ...) { 'N', 1, (n_), true, { __VA_ARGS__ } }
#define OXV(n_, ...) { 'X', 1, (n_), true, { __VA_ARGS__ } }
#define PARTS(...) { __VA_ARGS__ }

/* Arrays are set by a text that stands alone. NOLINTBEGIN(bugprone-macro-parentheses) */
#define RANGE(first_, last_, flags_, parts_, ...)                                                  \
	{ .first = first_, .last = last_, .flags = (flags_), .parts = parts_, __VA_ARGS__ }
#define AI(ai_, flags_, parts_, ...)                                                               \
	{ .first = ai_, .last = ai_, .flags = (flags_), .parts = parts_, __VA_ARGS__ }
/* Data titles are for who reads this. The last digit says how many of the six are decimals. */
#define MEASURE(ai_, req_, title_, uom_)                                                           \
	RANGE(#ai_ "0", #ai_ "5", FIXED | QUERY, PARTS(N(6)), .req = (req_), .ex = #ai_ "n",       \
		.uom = uom_)
/* NOLINTEND(bugprone-macro-parentheses) */
#define PROCESSOR(n_)                                                                              \
	AI("703" #n_, QUERY, PARTS(N(3, GS1_ISO3166999), XV(27)), .req = "01,02")
#define CERTIFICATE(n_)                                                                            \
	AI("723" #n_, QUERY, PARTS(X(2), XV(28)), .req = "01,8004")
/* A trade item of any kind. */
#define ITEM "01,02,03,8006,8026"

/* In the order of their digits: gs1_ai_find() searches by halves. */
static const struct gs1_ai table[] = {
	AI("00", FIXED | QUERY, PARTS(N(18, GS1_CSUM, GS1_GCPPOS2)), .key = "" /* SSCC */),
	AI("01", FIXED | QUERY, PARTS(N(14, GS1_CSUM, GS1_GCPPOS2)), .ex = "255,37",
		.key = "22,10,21|235" /* GTIN */),
	AI("02", FIXED | QUERY, PARTS(N(14, GS1_CSUM, GS1_GCPPOS2)), .req = "37", .ex = "01,03" /* CONTENT */),
	AI("03", FIXED, PARTS(N(14, GS1_CSUM, GS1_GCPPOS2)), .ex = "01,02,37,235" /* MTO GTIN */),
	AI("10", QUERY, PARTS(XV(20)), .req = ITEM /* BATCH/LOT */),
	AI("11", FIXED | QUERY, PARTS(N(6, GS1_YYMMD0)), .req = ITEM /* PROD DATE */),
	AI("12", FIXED | QUERY, PARTS(N(6, GS1_YYMMD0)), .req = "8020" /* DUE DATE */),
	AI("13", FIXED | QUERY, PARTS(N(6, GS1_YYMMD0)), .req = ITEM /* PACK DATE */),
	AI("15", FIXED | QUERY, PARTS(N(6, GS1_YYMMD0)), .req = ITEM /* BEST BEFORE or BEST BY */),
	AI("16", FIXED | QUERY, PARTS(N(6, GS1_YYMMD0)), .req = ITEM /* SELL BY */),
	AI("17", FIXED | QUERY, PARTS(N(6, GS1_YYMMD0)), .req = "01,02,03,255,8006,8026" /* USE BY or EXPIRY */),
	AI("20", FIXED | QUERY, PARTS(N(2)), .req = ITEM /* VARIANT */),
	AI("21", 0, PARTS(XV(20)), .req = "01,03,8006", .ex = "235" /* SERIAL */),
	AI("22", 0, PARTS(XV(20)), .req = "01" /* CPV */),
	AI("235", 0, PARTS(XV(28)), .req = "01" /* TPX */),
	AI("240", QUERY, PARTS(XV(30)), .req = ITEM /* ADDITIONAL ID */),
	AI("241", QUERY, PARTS(XV(30)), .req = ITEM /* CUST. PART No. */),
	AI("242", QUERY, PARTS(NV(6)), .req = "01,02,8006,8026" /* MTO VARIANT */),
	AI("243", QUERY, PARTS(XV(20)), .req = "01,03" /* PCN */),
	AI("250", QUERY, PARTS(XV(30)), .req = "01+21,03+21,8006+21" /* SECONDARY SERIAL */),
	AI("251", QUERY, PARTS(XV(30)), .req = "01,03,8006" /* REF. TO SOURCE */),
	AI("253", QUERY, PARTS(N(13, GS1_CSUM, GS1_GCPPOS1), OXV(17)), .key = "" /* GDTI */),
	AI("254", 0, PARTS(XV(20)), .req = "414" /* GLN EXTENSION COMPONENT */),
	AI("255", QUERY, PARTS(N(13, GS1_CSUM, GS1_GCPPOS1), ONV(12)),
		.ex = "01,02,415,8006,8020,8026", .key = "" /* GCN */),
	AI("30", QUERY, PARTS(NV(8)), .req = "01,02" /* VAR. COUNT */),
	MEASURE(310, "01,02", "NET WEIGHT (kg)", "KGM"),
	MEASURE(311, "01,02", "LENGTH (m)", "MTR"),
	MEASURE(312, "01,02", "WIDTH (m)", "MTR"),
	MEASURE(313, "01,02", "HEIGHT (m)", "MTR"),
	MEASURE(314, "01,02", "AREA (m²)", "MTK"),
	MEASURE(315, "01,02", "NET VOLUME (l)", "LTR"),
	MEASURE(316, "01,02", "NET VOLUME (m³)", "MTQ"),
	MEASURE(320, "01,02", "NET WEIGHT (lb)", "LBR"),
	MEASURE(321, "01,02", "LENGTH (in)", "INH"),
	MEASURE(322, "01,02", "LENGTH (ft)", "FOT"),
	MEASURE(323, "01,02", "LENGTH (yd)", "YRD"),
	MEASURE(324, "01,02", "WIDTH (in)", "INH"),
	MEASURE(325, "01,02", "WIDTH (ft)", "FOT"),
	MEASURE(326, "01,02", "WIDTH (yd)", "YRD"),
	MEASURE(327, "01,02", "HEIGHT (in)", "INH"),
	MEASURE(328, "01,02", "HEIGHT (ft)", "FOT"),
	MEASURE(329, "01,02", "HEIGHT (yd)", "YRD"),
	MEASURE(330, "00,01", "GROSS WEIGHT (kg)", "KGM"),
	MEASURE(331, "00,01", "LENGTH (m), log", "MTR"),
	MEASURE(332, "00,01", "WIDTH (m), log", "MTR"),
	MEASURE(333, "00,01", "HEIGHT (m), log", "MTR"),
	MEASURE(334, "00,01", "AREA (m²), log", "MTK"),
	MEASURE(335, "00,01", "VOLUME (l), log", "LTR"),
	MEASURE(336, "00,01", "VOLUME (m³), log", "MTQ"),
	MEASURE(337, "01", "KG PER m²", "28"),
	MEASURE(340, "00,01", "GROSS WEIGHT (lb)", "LBR"),
	MEASURE(341, "00,01", "LENGTH (in), log", "INH"),
	MEASURE(342, "00,01", "LENGTH (ft), log", "FOT"),
	MEASURE(343, "00,01", "LENGTH (yd), log", "YRD"),
	MEASURE(344, "00,01", "WIDTH (in), log", "INH"),
	MEASURE(345, "00,01", "WIDTH (ft), log", "FOT"),
	MEASURE(346, "00,01", "WIDTH (yd), log", "YRD"),
	MEASURE(347, "00,01", "HEIGHT (in), log", "INH"),
	MEASURE(348, "00,01", "HEIGHT (ft), log", "FOT"),
	MEASURE(349, "00,01", "HEIGHT (yd), log", "YRD"),
	MEASURE(350, "01,02", "AREA (in²)", "INK"),
	MEASURE(351, "01,02", "AREA (ft²)", "FTK"),
	MEASURE(352, "01,02", "AREA (yd²)", "YDK"),
	MEASURE(353, "00,01", "AREA (in²), log", "INK"),
	MEASURE(354, "00,01", "AREA (ft²), log", "FTK"),
	MEASURE(355, "00,01", "AREA (yd²), log", "YDK"),
	MEASURE(356, "01,02", "NET WEIGHT (tr oz)", "APZ"),
	MEASURE(357, "01,02", "NET VOLUME (oz)", ""),
	MEASURE(360, "01,02", "NET VOLUME (qt (US))", "QTL"),
	MEASURE(361, "01,02", "NET VOLUME (gal.)", "GLL"),
	MEASURE(362, "00,01", "VOLUME (qt (US)), log", "QTL"),
	MEASURE(363, "00,01", "VOLUME (gal (US)), log", "GLL"),
	MEASURE(364, "01,02", "NET VOLUME (in³)", "INQ"),
	MEASURE(365, "01,02", "NET VOLUME (ft³)", "FTQ"),
	MEASURE(366, "01,02", "NET VOLUME (yd³)", "YDQ"),
	MEASURE(367, "00,01", "VOLUME (in³), log", "INQ"),
	MEASURE(368, "00,01", "VOLUME (ft³), log", "FTQ"),
	MEASURE(369, "00,01", "VOLUME (yd³), log", "YDQ"),
	AI("37", QUERY, PARTS(NV(8)), .req = "00+02,00+8026" /* COUNT */),
	RANGE("3900", "3909", QUERY, PARTS(NV(15)), .req = "255,8020", .ex = "390n,391n,394n,8111" /* AMOUNT */),
	RANGE("3910", "3919", QUERY, PARTS(N(3, GS1_ISO4217), NV(15)), .req = "8020", .ex = "391n" /* AMOUNT */),
	RANGE("3920", "3929", QUERY, PARTS(NV(15)), .req = "01+30,01+31nn,01+32nn,01+35nn,01+36nn",
		.ex = "392n,393n" /* PRICE */),
	RANGE("3930", "3939", QUERY, PARTS(N(3, GS1_ISO4217), NV(15)), .req = "30,31nn,32nn,35nn,36nn",
		.ex = "393n" /* PRICE */),
	RANGE("3940", "3943", QUERY, PARTS(N(4)), .req = "255", .ex = "394n,8111" /* PRCNT OFF */),
	RANGE("3950", "3955", QUERY, PARTS(N(6)), .req = "30,31nn,32nn,35nn,36nn",
		.ex = "392n,393n,395n,8005" /* PRICE/UoM */),
	AI("400", QUERY, PARTS(XV(30)) /* ORDER NUMBER */),
	AI("401", QUERY, PARTS(XV(30, GS1_GCPPOS1)), .key = "" /* GINC */),
	AI("402", QUERY, PARTS(N(17, GS1_CSUM, GS1_GCPPOS1)), .key = "" /* GSIN */),
	AI("403", QUERY, PARTS(XV(30)), .req = "00" /* ROUTE */),
	AI("410", FIXED | QUERY, PARTS(N(13, GS1_CSUM, GS1_GCPPOS1)) /* SHIP TO LOC */),
	AI("411", FIXED | QUERY, PARTS(N(13, GS1_CSUM, GS1_GCPPOS1)) /* BILL TO */),
	AI("412", FIXED | QUERY, PARTS(N(13, GS1_CSUM, GS1_GCPPOS1)) /* PURCHASE FROM */),
	AI("413", FIXED | QUERY, PARTS(N(13, GS1_CSUM, GS1_GCPPOS1)) /* SHIP FOR LOC */),
	AI("414", FIXED | QUERY, PARTS(N(13, GS1_CSUM, GS1_GCPPOS1)), .key = "254|7040" /* LOC No. */),
	AI("415", FIXED | QUERY, PARTS(N(13, GS1_CSUM, GS1_GCPPOS1)), .req = "8020", .key = "8020" /* PAY TO */),
	AI("416", FIXED | QUERY, PARTS(N(13, GS1_CSUM, GS1_GCPPOS1)) /* PROD/SERV LOC */),
	AI("417", FIXED | QUERY, PARTS(N(13, GS1_CSUM, GS1_GCPPOS1)), .key = "7040" /* PARTY */),
	AI("420", QUERY, PARTS(XV(20)), .ex = "421" /* SHIP TO POST */),
	AI("421", QUERY, PARTS(N(3, GS1_ISO3166), XV(9)), .ex = "4307" /* SHIP TO POST */),
	AI("422", QUERY, PARTS(N(3, GS1_ISO3166)), .req = ITEM, .ex = "426" /* ORIGIN */),
	AI("423", QUERY, PARTS(N(3, GS1_ISO3166), ON(3, GS1_ISO3166), ON(3, GS1_ISO3166), ON(3, GS1_ISO3166), ON(3, GS1_ISO3166)),
		.req = "01,02,03", .ex = "426" /* COUNTRY - INITIAL PROCESS */),
	AI("424", QUERY, PARTS(N(3, GS1_ISO3166)), .req = "01,02,03", .ex = "426" /* COUNTRY - PROCESS */),
	AI("425", QUERY, PARTS(N(3, GS1_ISO3166), ON(3, GS1_ISO3166), ON(3, GS1_ISO3166), ON(3, GS1_ISO3166), ON(3, GS1_ISO3166)),
		.req = "01,02,03", .ex = "426" /* COUNTRY - DISASSEMBLY */),
	AI("426", QUERY, PARTS(N(3, GS1_ISO3166)), .req = "01,02,03" /* COUNTRY - FULL PROCESS */),
	AI("427", QUERY, PARTS(XV(3)), .req = "01+422,02+422,03+422" /* ORIGIN SUBDIVISION */),
	AI("4300", QUERY, PARTS(XV(35, GS1_PCENC)), .req = "00" /* SHIP TO COMP */),
	AI("4301", QUERY, PARTS(XV(35, GS1_PCENC)), .req = "00" /* SHIP TO NAME */),
	AI("4302", QUERY, PARTS(XV(70, GS1_PCENC)), .req = "00" /* SHIP TO ADD1 */),
	AI("4303", QUERY, PARTS(XV(70, GS1_PCENC)), .req = "4302" /* SHIP TO ADD2 */),
	AI("4304", QUERY, PARTS(XV(70, GS1_PCENC)), .req = "00" /* SHIP TO SUB */),
	AI("4305", QUERY, PARTS(XV(70, GS1_PCENC)), .req = "00" /* SHIP TO LOC */),
	AI("4306", QUERY, PARTS(XV(70, GS1_PCENC)), .req = "00" /* SHIP TO REG */),
	AI("4307", QUERY, PARTS(X(2, GS1_ISO3166ALPHA2)), .req = "00" /* SHIP TO COUNTRY */),
	AI("4308", QUERY, PARTS(XV(30)), .req = "00" /* SHIP TO PHONE */),
	AI("4309", QUERY, PARTS(N(10, GS1_LATITUDE), N(10, GS1_LONGITUDE)), .req = "00" /* SHIP TO GEO */),
	AI("4310", QUERY, PARTS(XV(35, GS1_PCENC)), .req = "00" /* RTN TO COMP */),
	AI("4311", QUERY, PARTS(XV(35, GS1_PCENC)), .req = "00" /* RTN TO NAME */),
	AI("4312", QUERY, PARTS(XV(70, GS1_PCENC)), .req = "00" /* RTN TO ADD1 */),
	AI("4313", QUERY, PARTS(XV(70, GS1_PCENC)), .req = "4312" /* RTN TO ADD2 */),
	AI("4314", QUERY, PARTS(XV(70, GS1_PCENC)), .req = "00" /* RTN TO SUB */),
	AI("4315", QUERY, PARTS(XV(70, GS1_PCENC)), .req = "00" /* RTN TO LOC */),
	AI("4316", QUERY, PARTS(XV(70, GS1_PCENC)), .req = "00" /* RTN TO REG */),
	AI("4317", QUERY, PARTS(X(2, GS1_ISO3166ALPHA2)), .req = "00" /* RTN TO COUNTRY */),
	AI("4318", QUERY, PARTS(XV(20)), .req = "00" /* RTN TO POST */),
	AI("4319", QUERY, PARTS(XV(30)), .req = "00" /* RTN TO PHONE */),
	AI("4320", QUERY, PARTS(XV(35, GS1_PCENC)), .req = "00" /* SRV DESCRIPTION */),
	AI("4321", QUERY, PARTS(N(1, GS1_YESNO)), .req = "00" /* DANGEROUS GOODS */),
	AI("4322", QUERY, PARTS(N(1, GS1_YESNO)), .req = "00" /* AUTH TO LEAVE */),
	AI("4323", QUERY, PARTS(N(1, GS1_YESNO)), .req = "00" /* SIG REQUIRED */),
	AI("4324", QUERY, PARTS(N(6, GS1_YYMMD0), N(4, GS1_HHMI)), .req = "00" /* NOT BEF DEL DT */),
	AI("4325", QUERY, PARTS(N(6, GS1_YYMMD0), N(4, GS1_HHMI)), .req = "00" /* NOT AFT DEL DT */),
	AI("4326", QUERY, PARTS(N(6, GS1_YYMMDD)), .req = "00" /* REL DATE */),
	AI("4330", QUERY, PARTS(N(6), OX(1, GS1_HYPHEN)), .req = "00", .ex = "4331" /* MAX TEMP F. */),
	AI("4331", QUERY, PARTS(N(6), OX(1, GS1_HYPHEN)), .req = "00", .ex = "4330" /* MAX TEMP C. */),
	AI("4332", QUERY, PARTS(N(6), OX(1, GS1_HYPHEN)), .req = "00", .ex = "4333" /* MIN TEMP F. */),
	AI("4333", QUERY, PARTS(N(6), OX(1, GS1_HYPHEN)), .req = "00", .ex = "4332" /* MIN TEMP C. */),
	AI("7001", QUERY, PARTS(N(13)), .req = "01,02,8006,8026" /* NSN */),
	AI("7002", QUERY, PARTS(XV(30)), .req = "01,02" /* MEAT CUT */),
	AI("7003", QUERY, PARTS(N(6, GS1_YYMMDD), N(4, GS1_HHMI)), .req = "01,02,03" /* EXPIRY TIME */),
	AI("7004", QUERY, PARTS(NV(4)), .req = "01+10,03+10" /* ACTIVE POTENCY */),
	AI("7005", QUERY, PARTS(XV(12)), .req = "01,02" /* CATCH AREA */),
	AI("7006", QUERY, PARTS(N(6, GS1_YYMMDD)), .req = "01,02" /* FIRST FREEZE DATE */),
	AI("7007", QUERY, PARTS(N(6, GS1_YYMMDD), ON(6, GS1_YYMMDD)), .req = "01,02" /* HARVEST DATE */),
	AI("7008", QUERY, PARTS(XV(3)), .req = "01,02" /* AQUATIC SPECIES */),
	AI("7009", QUERY, PARTS(XV(10)), .req = "01,02" /* FISHING GEAR TYPE */),
	AI("7010", QUERY, PARTS(XV(2)), .req = "01,02,03" /* PROD METHOD */),
	AI("7011", QUERY, PARTS(N(6, GS1_YYMMDD), ON(4, GS1_HHMI)), .req = "01,02,03" /* TEST BY DATE */),
	AI("7020", QUERY, PARTS(XV(20)), .req = "01+416,03+416,8006+416" /* REFURB LOT */),
	AI("7021", QUERY, PARTS(XV(20)), .req = "01,03,8006" /* FUNC STAT */),
	AI("7022", QUERY, PARTS(XV(20)), .req = "01+7021,03+7021,8006+7021" /* REV STAT */),
	AI("7023", QUERY, PARTS(XV(30, GS1_GCPPOS1)) /* GIAI - ASSEMBLY */),
	PROCESSOR(0),
	PROCESSOR(1),
	PROCESSOR(2),
	PROCESSOR(3),
	PROCESSOR(4),
	PROCESSOR(5),
	PROCESSOR(6),
	PROCESSOR(7),
	PROCESSOR(8),
	PROCESSOR(9),
	AI("7040", 0, PARTS(N(1), X(1), X(1), X(1, GS1_IMPORTERIDX)) /* UIC+EXT */),
	AI("7041", 0, PARTS(XV(4, GS1_PACKAGETYPE)), .req = "00" /* UFRGT UNIT TYPE */),
	AI("710", QUERY, PARTS(XV(20)), .req = "01" /* NHRN PZN */),
	AI("711", QUERY, PARTS(XV(20)), .req = "01" /* NHRN CIP */),
	AI("712", QUERY, PARTS(XV(20)), .req = "01" /* NHRN CN */),
	AI("713", QUERY, PARTS(XV(20)), .req = "01" /* NHRN DRN */),
	AI("714", QUERY, PARTS(XV(20)), .req = "01" /* NHRN AIM */),
	AI("715", QUERY, PARTS(XV(20)), .req = "01" /* NHRN NDC */),
	AI("716", QUERY, PARTS(XV(20)), .req = "01" /* NHRN AIC */),
	AI("717", QUERY, PARTS(XV(20)), .req = "01" /* NHRN SRN */),
	CERTIFICATE(0),
	CERTIFICATE(1),
	CERTIFICATE(2),
	CERTIFICATE(3),
	CERTIFICATE(4),
	CERTIFICATE(5),
	CERTIFICATE(6),
	CERTIFICATE(7),
	CERTIFICATE(8),
	CERTIFICATE(9),
	AI("7240", QUERY, PARTS(XV(20)), .req = "01,8006", .ex = "03" /* PROTOCOL */),
	AI("7241", QUERY, PARTS(N(2, GS1_MEDIATYPE)), .req = "8017,8018" /* AIDC MEDIA TYPE */),
	AI("7242", QUERY, PARTS(XV(25)), .req = "8017,8018" /* VCN */),
	AI("7250", QUERY, PARTS(N(8, GS1_YYYYMMDD)), .req = "8018", .ex = "7251" /* DOB */),
	AI("7251", QUERY, PARTS(N(8, GS1_YYYYMMDD), N(4, GS1_HHMI)), .req = "8018", .ex = "7250" /* DOB TIME */),
	AI("7252", QUERY, PARTS(N(1, GS1_ISO5218)), .req = "8018" /* BIO SEX */),
	AI("7253", QUERY, PARTS(XV(40, GS1_PCENC)), .req = "8017,8018", .ex = "7256,7259" /* FAMILY NAME */),
	AI("7254", QUERY, PARTS(XV(40, GS1_PCENC)), .req = "8017,8018", .ex = "7256,7259" /* GIVEN NAME */),
	AI("7255", QUERY, PARTS(XV(10)), .req = "8017,8018", .ex = "7256,7259" /* SUFFIX */),
	AI("7256", QUERY, PARTS(XV(90, GS1_PCENC)), .req = "8017,8018" /* FULL NAME */),
	AI("7257", QUERY, PARTS(XV(70, GS1_PCENC)), .req = "8018" /* PERSON ADDR */),
	AI("7258", QUERY, PARTS(X(3, GS1_POSINSEQSLASH)), .req = "8018+7259" /* BIRTH SEQUENCE */),
	AI("7259", QUERY, PARTS(XV(40, GS1_PCENC)), .req = "8018", .ex = "7256" /* BABY */),
	AI("8001", QUERY, PARTS(N(4, GS1_NONZERO), N(5, GS1_NONZERO), N(3, GS1_NONZERO), N(1, GS1_WINDING), N(1)),
		.req = "01" /* DIMENSIONS */),
	AI("8002", QUERY, PARTS(XV(20)) /* CMT No. */),
	AI("8003", QUERY, PARTS(N(1, GS1_ZERO), N(13, GS1_CSUM, GS1_GCPPOS1), OXV(16)), .key = "" /* GRAI */),
	AI("8004", QUERY, PARTS(XV(30, GS1_GCPPOS1)), .key = "7040" /* GIAI */),
	AI("8005", QUERY, PARTS(N(6)), .req = "01,02" /* PRICE PER UNIT */),
	AI("8006", QUERY, PARTS(N(14, GS1_CSUM, GS1_GCPPOS2), N(4, GS1_PIECEOFTOTAL)),
		.ex = "01,03,37", .key = "22,10,21" /* ITIP */),
	AI("8007", QUERY, PARTS(XV(34, GS1_IBAN)), .req = "415" /* IBAN */),
	AI("8008", QUERY, PARTS(N(6, GS1_YYMMDD), N(2, GS1_HH), ON(2, GS1_MI), ON(2, GS1_SS)),
		.req = "01,02,03" /* PROD TIME */),
	AI("8009", QUERY, PARTS(XV(50)), .req = "00,01,03" /* OPTSEN */),
	AI("8010", QUERY, PARTS(YV(30, GS1_GCPPOS1)), .key = "8011" /* CPID */),
	AI("8011", 0, PARTS(NV(12, GS1_NOZEROPREFIX)), .req = "8010" /* CPID SERIAL */),
	AI("8012", QUERY, PARTS(XV(20)), .req = "01,03,8006" /* VERSION */),
	AI("8013", QUERY, PARTS(XV(25, GS1_CSUMALPHA, GS1_GCPPOS1)), .key = "" /* GMN */),
	AI("8014", 0, PARTS(XV(25, GS1_CSUMALPHA, GS1_GCPPOS1, GS1_HASNONDIGIT)), .req = "01" /* MUDI */),
	AI("8017", QUERY, PARTS(N(18, GS1_CSUM, GS1_GCPPOS1)), .ex = "8018", .key = "8019" /* GSRN - PROVIDER */),
	AI("8018", QUERY, PARTS(N(18, GS1_CSUM, GS1_GCPPOS1)), .ex = "8017", .key = "8019" /* GSRN - RECIPIENT */),
	AI("8019", 0, PARTS(NV(10)), .req = "8017,8018" /* SRIN */),
	AI("8020", 0, PARTS(XV(25)), .req = "415" /* REF No. */),
	AI("8026", QUERY, PARTS(N(14, GS1_CSUM, GS1_GCPPOS2), N(4, GS1_PIECEOFTOTAL)), .req = "37",
		.ex = "02,03,8006" /* ITIP CONTENT */),
	AI("8030", QUERY, PARTS(ZV(90)),
		.req = "00,01+21,03+21,253,255,8003,8004,8006+21,8010+8011,8017,8018" /* DIGSIG */),
	AI("8040", 0, PARTS(N(15)), .req = "01+21" /* IMEI */),
	AI("8041", 0, PARTS(N(15)), .req = "01+21+8040" /* IMEI2 */),
	AI("8042", 0, PARTS(N(32)), .req = "01+21+8040" /* ESIM */),
	AI("8043", 0, PARTS(N(18), ONV(2)), .req = "01+21+8040" /* PSIM */),
	AI("8110", QUERY, PARTS(XV(70, GS1_COUPONCODE))),
	AI("8111", QUERY, PARTS(N(4)), .req = "255" /* POINTS */),
	AI("8112", QUERY, PARTS(XV(70, GS1_COUPONPOSOFFER))),
	AI("8200", 0, PARTS(XV(70)), .req = "01" /* PRODUCT URL */),
	AI("90", QUERY, PARTS(XV(30)) /* INTERNAL */),
	RANGE("91", "99", QUERY, PARTS(XV(90)) /* INTERNAL */),
};
/* clang-format on */
#define ROWS (sizeof(table) / sizeof(*table))

static const char *const names[GS1_CHECKS] = {
	[GS1_COUPONCODE] = "couponcode",
	[GS1_COUPONPOSOFFER] = "couponposoffer",
	[GS1_CSUM] = "csum",
	[GS1_CSUMALPHA] = "csumalpha",
	[GS1_GCPPOS1] = "gcppos1",
	[GS1_GCPPOS2] = "gcppos2",
	[GS1_HASNONDIGIT] = "hasnondigit",
	[GS1_HH] = "hh",
	[GS1_HHMI] = "hhmi",
	[GS1_HYPHEN] = "hyphen",
	[GS1_IBAN] = "iban",
	[GS1_IMPORTERIDX] = "importeridx",
	[GS1_ISO3166] = "iso3166",
	[GS1_ISO3166999] = "iso3166999",
	[GS1_ISO3166ALPHA2] = "iso3166alpha2",
	[GS1_ISO4217] = "iso4217",
	[GS1_ISO5218] = "iso5218",
	[GS1_LATITUDE] = "latitude",
	[GS1_LONGITUDE] = "longitude",
	[GS1_MEDIATYPE] = "mediatype",
	[GS1_MI] = "mi",
	[GS1_NONZERO] = "nonzero",
	[GS1_NOZEROPREFIX] = "nozeroprefix",
	[GS1_PACKAGETYPE] = "packagetype",
	[GS1_PCENC] = "pcenc",
	[GS1_PIECEOFTOTAL] = "pieceoftotal",
	[GS1_POSINSEQSLASH] = "posinseqslash",
	[GS1_SS] = "ss",
	[GS1_WINDING] = "winding",
	[GS1_YESNO] = "yesno",
	[GS1_YYMMD0] = "yymmd0",
	[GS1_YYMMDD] = "yymmdd",
	[GS1_YYYYMMDD] = "yyyymmdd",
	[GS1_ZERO] = "zero",
};

const struct gs1_ai *gs1_ai_at(size_t index)
{
	return index < ROWS ? &table[index] : NULL;
}

const char *gs1_check_name(enum gs1_check check)
{
	return check < GS1_CHECKS ? names[check] : NULL;
}

/* Below, at or above 0: the text begins in front of the AI, with it, behind it. */
static int compare(const char *text, const char *ai)
{
	for (; *ai; ai++, text++)
		if (*text != *ai)
			return *text < *ai ? -1 : 1;
	return 0;
}

const struct gs1_ai *gs1_ai_find(const char *text, size_t len, size_t *ret_len)
{
	char key[5] = { 0 };
	size_t low = 0;
	size_t high = ROWS;

	memcpy(key, text, len < 4 ? len : 4);
	while (low < high) {
		size_t middle = (low + high) / 2;
		const struct gs1_ai *row = &table[middle];

		if (compare(key, row->first) < 0) {
			high = middle;
		} else if (compare(key, row->last) > 0) {
			low = middle + 1;
		} else {
			*ret_len = strlen(row->first);
			return row;
		}
	}
	return NULL;
}

const struct gs1_ai *gs1_ai_exact(const char *text, size_t len)
{
	size_t digits = 0;
	const struct gs1_ai *row = gs1_ai_find(text, len, &digits);

	return row && digits == len ? row : NULL;
}

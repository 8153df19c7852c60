# units_texts.h: the names and symbols of the Recommendations' lists, each with a NUL, compressed.
set(folder ${CMAKE_CURRENT_BINARY_DIR}/units)
set(lists ${CMAKE_CURRENT_SOURCE_DIR}/common/units_rec20.inc ${CMAKE_CURRENT_SOURCE_DIR}/common/units_rec21.inc)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${lists})
file(MAKE_DIRECTORY ${folder})
execute_process(COMMAND sed -En
		-e "s/^UNIT\\(\"[^\"]*\", \"(.*)\", \"(.*)\"\\)$/\\1\\n\\2/"
		-e "s/^PACKAGE\\(\"[^\"]*\", \"(.*)\"\\)$/\\1\\n/"
		-e "T" -e "s/\\\\(.)/\\1/g" -e "p" ${lists}
	COMMAND tr "\\n" "\\000"
	OUTPUT_FILE ${folder}/texts COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND gzip -9nc ${folder}/texts OUTPUT_FILE ${folder}/texts.gz COMMAND_ERROR_IS_FATAL ANY)
file(SIZE ${folder}/texts size)
file(READ ${folder}/texts.gz packed HEX)
string(REGEX REPLACE "(..)" "0x\\1," packed "${packed}")
file(CONFIGURE OUTPUT ${folder}/units_texts.h @ONLY CONTENT
	"#define UNITS_TEXTS_LEN @size@\nstatic const unsigned char packed_texts[] = { @packed@ };\n")

# Read by cpack before each generator: what a package may be made from, and its one date.
if(CPACK_GENERATOR STREQUAL "DEB" AND NOT SK_PACKAGE_ANYWAY)
  if(CPACK_SK_NOT_FOR_USERS)
    message(FATAL_ERROR "this build is for tests:${CPACK_SK_NOT_FOR_USERS}; "
      "config/package/build makes the packages")
  elseif(NOT CPACK_SK_PREFIX STREQUAL CPACK_PACKAGING_INSTALL_PREFIX)
    message(FATAL_ERROR "this build is for ${CPACK_SK_PREFIX}: configure with "
      "-DCMAKE_INSTALL_PREFIX=${CPACK_PACKAGING_INSTALL_PREFIX}, or let config/package/build do it")
  endif()
endif()

# the same bytes whenever it is made: the date of the changelog's newest entry is that of every file
if(NOT DEFINED ENV{SOURCE_DATE_EPOCH})
  file(STRINGS ${CPACK_SK_CHANGELOG} sk_date REGEX "^ -- " LIMIT_COUNT 1)
  string(REGEX REPLACE ".*>  " "" sk_date "${sk_date}")
  execute_process(COMMAND date -d "${sk_date}" +%s OUTPUT_VARIABLE sk_date
    OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  set(ENV{SOURCE_DATE_EPOCH} ${sk_date})
endif()

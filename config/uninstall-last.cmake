# The target "uninstall": finds where the build folder was installed to, and takes that away.
#
#   SK_MANIFEST  the build folder's install_manifest.txt
if(NOT EXISTS "${SK_MANIFEST}")
  message(FATAL_ERROR "nothing was installed from this build folder: no ${SK_MANIFEST}")
endif()
file(STRINGS "${SK_MANIFEST}" script REGEX "/safekeep/uninstall\\.cmake$")
get_filename_component(SK_LIST_DIR "$ENV{DESTDIR}${script}" DIRECTORY)
include(${CMAKE_CURRENT_LIST_DIR}/uninstall.cmake)

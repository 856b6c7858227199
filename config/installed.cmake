# Part of `cmake --install`, at its beginning and at its end: writes down what goes where, as
# share/safekeep/installed.txt, for share/safekeep/uninstall.cmake to take away.
#
#   SK_INSTALL_STEP  begin or end
#   SK_DATADIR       where share/ is: absolute, or below the prefix
#   SK_INSTALL_DIRS  the folders that are installed into, likewise
#
# One name a line, as seen from the list's own folder: files, then with a "/" at the end the folders
# that were not there before.
function(sk_installed_path out dir)
  if(NOT IS_ABSOLUTE "${dir}")
    set(dir "${CMAKE_INSTALL_PREFIX}/${dir}")
  endif()
  set(path "$ENV{DESTDIR}${dir}")
  cmake_path(NORMAL_PATH path)
  set(${out} "${path}" PARENT_SCOPE)
endfunction()

sk_installed_path(SK_LIST_DIR "${SK_DATADIR}/safekeep")

if(SK_INSTALL_STEP STREQUAL "begin")
  set(SK_NEW_DIRS "")
  if(EXISTS "${SK_LIST_DIR}/installed.txt") # installed again: the folders are still the first one's
    file(STRINGS "${SK_LIST_DIR}/installed.txt" SK_NEW_DIRS REGEX "/$")
  endif()
  foreach(dir IN LISTS SK_INSTALL_DIRS)
    sk_installed_path(path "${dir}")
    while(NOT EXISTS "${path}")
      file(RELATIVE_PATH name "${SK_LIST_DIR}" "${path}")
      list(APPEND SK_NEW_DIRS "${name}/")
      get_filename_component(path "${path}" DIRECTORY)
    endwhile()
  endforeach()
else()
  set(lines "installed.txt")
  foreach(file IN LISTS CMAKE_INSTALL_MANIFEST_FILES)
    file(RELATIVE_PATH name "${SK_LIST_DIR}" "$ENV{DESTDIR}${file}")
    list(APPEND lines "${name}")
  endforeach()
  list(APPEND lines ${SK_NEW_DIRS})
  list(REMOVE_DUPLICATES lines)
  list(JOIN lines "\n" text)
  file(WRITE "${SK_LIST_DIR}/installed.txt" "${text}\n")
endif()

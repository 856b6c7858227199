# Takes an installation of SafeKeep away:  cmake -P PREFIX/share/safekeep/uninstall.cmake
#
# Removes the files that it put there, and of the folders that it made those that are empty now.
# Your repositories, their backups and your own settings are not touched.
#
#   SK_LIST_DIR  where installed.txt is (default: beside this script)
cmake_minimum_required(VERSION 3.20)
if(NOT SK_LIST_DIR)
  set(SK_LIST_DIR "${CMAKE_CURRENT_LIST_DIR}")
endif()
if(NOT EXISTS "${SK_LIST_DIR}/installed.txt")
  message(FATAL_ERROR "no list of installed files: ${SK_LIST_DIR}/installed.txt")
endif()
file(STRINGS "${SK_LIST_DIR}/installed.txt" lines)

set(dirs "")
foreach(name IN LISTS lines)
  set(path "${SK_LIST_DIR}/${name}")
  cmake_path(NORMAL_PATH path)
  if(name MATCHES "/$")
    string(LENGTH "${path}" depth)
    list(APPEND dirs "${depth}:${path}")
  elseif(EXISTS "${path}" OR IS_SYMLINK "${path}")
    message(STATUS "Removing ${path}")
    file(REMOVE "${path}")
    if(EXISTS "${path}" OR IS_SYMLINK "${path}")
      message(FATAL_ERROR "cannot remove ${path}: is it yours? (sudo?)")
    endif()
  endif()
endforeach()

# what is inside a folder has a longer name: longest first
list(SORT dirs COMPARE NATURAL ORDER DESCENDING)
foreach(dir IN LISTS dirs)
  string(REGEX REPLACE "^[0-9]+:(.*[^/])/*$" "\\1" path "${dir}")
  file(GLOB inside LIST_DIRECTORIES true "${path}/*" "${path}/.*")
  list(FILTER inside EXCLUDE REGEX "/\\.\\.?$")
  if(IS_DIRECTORY "${path}" AND NOT inside)
    message(STATUS "Removing ${path}/")
    file(REMOVE_RECURSE "${path}")
  endif()
endforeach()

# Run by cpack for the source tarball: what git has of the tree, or, in a tree without git (a tarball
# unpacked), all but what a build makes.  The same tree gives the same bytes.
execute_process(COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/source ${CPACK_SK_SOURCE}
    ${CPACK_PACKAGE_DIRECTORY}/${CPACK_PACKAGE_FILE_NAME}.tar.gz ${CPACK_PACKAGE_FILE_NAME}
  COMMAND_ERROR_IS_FATAL ANY)
set(CPACK_EXTERNAL_BUILT_PACKAGES ${CPACK_PACKAGE_DIRECTORY}/${CPACK_PACKAGE_FILE_NAME}.tar.gz)

# Run by cpack when everything lies in its staging folders, one for each package, before they are packed.
file(GLOB roots LIST_DIRECTORIES true ${CPACK_TEMPORARY_DIRECTORY}/*)
foreach(root ${roots})
  if(IS_DIRECTORY ${root})
    execute_process(COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/stage ${root} COMMAND_ERROR_IS_FATAL ANY)
  endif()
endforeach()

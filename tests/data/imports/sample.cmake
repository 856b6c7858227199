include(GNUInstallDirs) # include(no1)
include("cmake/x.cmake")
include(${CMAKE_CURRENT_LIST_DIR}/y.cmake OPTIONAL)
add_subdirectory(core)
ADD_SUBDIRECTORY( "tests" )
include(${VAR}/z)
#[[ include(no2) ]]
message("include(no3)")
target_include(no4)

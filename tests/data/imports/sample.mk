include a.mk b.mk # no1
-include c.mk
sinclude $(DIR)/d.mk e.mk
	include no2
# include no3
all:
	echo x

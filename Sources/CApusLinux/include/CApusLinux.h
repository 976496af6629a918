int capus_nothing(void);
